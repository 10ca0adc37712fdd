import fs from 'fs-extra';

/** Opening a pipe would wait for somebody to write to it. */
export const withoutWaiting = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);
export const toWriteWithoutWaiting = fs.constants.O_RDWR | (fs.constants.O_NONBLOCK ?? 0);
export const toAppendWithoutWaiting =
  fs.constants.O_WRONLY | fs.constants.O_APPEND | fs.constants.O_CREAT | (fs.constants.O_NONBLOCK ?? 0);
/** Windows knows no such flag. */
export const withoutLinks = fs.constants.O_NOFOLLOW ?? 0;
