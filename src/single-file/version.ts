import { getAsset } from 'node:sea';

/** In the place of `engine/version.ts`. */
export const programVersion = getAsset('version', 'utf8');
