import type { ParsedFile, Places } from './model-files.js';

/** Cube's compile errors carry no line; the cube and the path that they name lead back to one. */
export const compileError = (thrown: unknown, _files: readonly ParsedFile[], _places: Places): unknown => thrown;
