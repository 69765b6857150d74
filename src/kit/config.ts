/**
 * 'vnet/kit/config', for the packages of this repository, of the same version: configuration files,
 * and the schemas of their values.
 */
export { ConfigFile } from '../base/config-file.ts'
export * as schema from '../base/schema.ts'
