import type { LiveLeg } from '../../build/rollup/index.js';
import { type CompiledLeg, type SqlPiece, tableToken } from '../../query/index.js';

type Pieces = Pick<CompiledLeg, 'pieces' | 'parameters'>;

/**
 * A leg over a rollup whose moving edge is read from the source: the token of its partitions becomes a union of what is settled and
 * what is read now. Without settled partitions only the source is left.
 */
export const besideSource = (
  leg: Pieces,
  live: LiveLeg,
  token: string,
  columns: readonly string[],
  settled: boolean,
): Pieces => {
  const mark = tableToken(token);
  const list = columns.map((c) => `"${c}"`).join(', ');
  const head = settled ? `(SELECT ${list} FROM ${mark} UNION ALL ` : '(';
  const offset = leg.parameters.length;
  const inner = live.pieces.map((piece) => (typeof piece === 'number' ? piece + offset : piece));
  const pieces = leg.pieces.flatMap((piece): readonly SqlPiece[] => {
    if (typeof piece === 'number' || !piece.includes(mark)) return [piece];
    const [before = '', ...after] = piece.split(mark);
    return [`${before}${head}`, ...inner, `) AS partitions${after.join(mark)}`];
  });
  return { pieces, parameters: [...leg.parameters, ...live.parameters] };
};
