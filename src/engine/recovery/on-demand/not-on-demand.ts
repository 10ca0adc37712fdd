/**
 * What is asked for cannot be had page by page, or not for certain: a recovery of everything has to decide. Says nothing about
 * whether anything is wrong.
 */
export class NotOnDemand extends Error {}
