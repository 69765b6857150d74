/**
 * 'vnet/kit/cli', for the packages of this repository, of the same version: commands: options,
 * output, exit codes, and how a command reaches a running vnet.
 */
export { alignLeft } from '../cli/align.ts'
export {
  askInterface,
  askVnets,
  checkUser,
  enterUserNamespace,
  fail,
  failAll,
  findNamed,
  hasEnded,
  type QueryOptions,
} from '../cli/ask.ts'
export { isAmong, label, type NamedDevice } from '../cli/device-text.ts'
export { importFile, isDriverFile, loadDriver } from '../cli/driver-file.ts'
export { isDebugged, watchLockups } from '../cli/lockup.ts'
export {
  type Context,
  type Next,
  PROGRAM,
  packageVersion,
  provideOwnPackage,
} from '../cli/own-package.ts'
export {
  argument,
  defineCommand,
  InvalidArgumentError,
  type LazyCommand,
  type Option,
  option,
  type WithUndefined,
  withoutUndefined,
} from '../cli/parse/option.ts'
export { collect, duration, shared, wholeNumber } from '../cli/parse/options.ts'
export { namedDescriptors } from '../cli/process/inherited-files.ts'
export {
  complain,
  EXIT_FAILURE,
  EXIT_OK,
  endOf,
  type Io,
  statusOf,
  type UserEnd,
} from '../cli/process/io.ts'
export { passSignals } from '../cli/process/pass-signals.ts'
export { ReplayInput } from '../cli/replay/input.ts'
export { enterCommand, enterOwnNamespaces } from '../cli/rootless.ts'
