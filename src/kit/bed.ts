/**
 * 'vnet/kit/bed', for the packages of this repository, of the same version: the test bed as a
 * class, which the course's checks make their own.
 */
export { TestBed } from '../bed/test-bed.ts'
