/** What the log needs of a place that keeps files. Paths are relative to the table, parts joined by `/`. */
export interface DeltaFiles {
  /** Names of the files directly in a folder, sorted by code unit; an absent folder is empty. */
  list(folder: string): Promise<readonly string[]>;
  /** Undefined when there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Bytes and time of last change (milliseconds since 1970); undefined when there is no such file. */
  stat(path: string): Promise<{ readonly size: number; readonly modified: number } | undefined>;
  /** Makes a file whole and durable, only where none is. False: the name was taken. */
  putIfAbsent(path: string, content: string): Promise<boolean>;
  /** Makes or replaces a file in one step. For hints only: the log itself is never replaced. */
  put(path: string, content: string): Promise<void>;
  /** Moves a finished file to a name that is free, durably. False: the name was taken; the finished file is then removed. */
  moveIfAbsent(from: string, to: string): Promise<boolean>;
  /** Makes data files under a folder durable before a commit names them. */
  sync(paths: readonly string[]): Promise<void>;
  /** Removes a folder with everything in it; absent is fine. */
  removeFolder(folder: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** How an engine names a file of this table. */
  location(path: string): string;
}
