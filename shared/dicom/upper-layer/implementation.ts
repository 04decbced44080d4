/**
 * What this implementation calls itself (PS3.7 annex D.3.3.2, PS3.10 table 7.1-1). Both are the same in all versions:
 * the file that intake writes for an instance must be the same when the instance is sent again after an update.
 */

/** Derived from a UUID (PS3.5 annex B.2). */
export const implementationClassUid = '2.25.265990128145771128242486804471713549412';

/** At most 16 characters. */
export const implementationVersionName = 'DICOM-DIODE';

/** The one application context there is (PS3.7 annex A.2.1). */
export const dicomApplicationContext = '1.2.840.10008.3.1.1.1';
