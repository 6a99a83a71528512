/** Keys of one set's online values. Its pointer, fence and lease share a hash tag; blobs are spread over all slots. */
export interface OnlineKeys {
  readonly current: string;
  readonly fence: string;
  readonly lease: string;
  /** Every blob of every version begins so. */
  readonly blobs: string;
  blob(version: string, bucket: string | number): string;
  /** A part of a version's roster. No entity's key begins as it does: none holds that character. */
  roster(version: string, part: number): string;
  versionOf(key: string): string;
  readonly news: string;
}

export const onlineKeys = (namespace: string, set: string): OnlineKeys => {
  const tag = `assay:${namespace}:features:{${namespace}/${set}}`;
  const blobs = `assay:${namespace}:features:${set}:`;
  return {
    current: `${tag}:current`,
    fence: `${tag}:fence`,
    lease: `${tag}:lease`,
    blobs,
    blob: (version, bucket) => `${blobs}${version}:${bucket}`,
    roster: (version, part) => `${blobs}${version}:\u0000${part}`,
    versionOf: (key) => key.slice(blobs.length).split(':', 1)[0] ?? '',
    news: `assay:${namespace}:features`,
  };
};
