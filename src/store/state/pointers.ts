import { type On, stateOf } from './queries.js';

const ENVIRONMENT = 'prod';
/** Readers that LISTEN here are told the new revision. */
export const PUBLICATION_CHANNEL = 'assay_publication';

/** The revision that readers see now. */
export const currentRevision = async (on: On, environment: string = ENVIRONMENT): Promise<number> => {
  const row = await stateOf(on)
    .selectFrom('assay.environment')
    .select('revision')
    .where('name', '=', environment)
    .executeTakeFirst();
  return row === undefined ? 0 : Number(row.revision);
};

/** Says where the lake is now, when its folder was moved: for every environment, they share it. */
export const moveLake = async (on: On, lake: string): Promise<void> => {
  await stateOf(on).updateTable('assay.environment').set({ lake }).where('lake', 'is not', null).execute();
};
