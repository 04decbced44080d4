/** How much of the link one pass of an object takes: source and repair symbols, each in a datagram of full length. */
import { repairSymbolCount } from '../../shared/fec/repair-count.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { ObjectLayout } from '../../shared/wire/object-layout.ts';

/** What is known about an object when it is planned. */
interface PlannedObject {
  readonly bytes: number;
  readonly symbolBytes: number;
  readonly maximumSourceSymbols: number;
}

/** Counts bytes of datagrams, without what the network adds to each. */
export function passBytesOf(parameters: LinkParameters): (object: PlannedObject) => number {
  const { datagramBytes, repairSymbols } = parameters;
  return ({ bytes, symbolBytes, maximumSourceSymbols }) => {
    const layout = new ObjectLayout(bytes, symbolBytes, maximumSourceSymbols);
    const { blockCount, symbolCount } = layout;
    const repairOf = (block: number) =>
      repairSymbolCount(layout.sourceSymbols(block), { maximumSourceSymbols, repairSymbols });
    // Blocks are near-equal: the first ones may be one symbol larger than the last.
    const largeBlocks = symbolCount - layout.sourceSymbols(blockCount - 1) * blockCount;
    const repairs = largeBlocks * repairOf(0) + (blockCount - largeBlocks) * repairOf(blockCount - 1);
    return (symbolCount + repairs) * datagramBytes;
  };
}
