/** Which lists are decided about at once, and which in steps, beside others. */
export const smallEntriesMax = 500;
