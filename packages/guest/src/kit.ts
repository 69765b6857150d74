/**
 * '@vnet/guest/kit', for the packages of this repository, of the same version: guests for labs and
 * explorations, the options of commands that run in one, and the kernels from which a guest starts.
 */
export { cacheDirectory } from './cache.ts'
export { type GuestCommandOptions, guest } from './commands/guest.ts'
export { guestOptions } from './commands/index.ts'
export { cpio } from './cpio.ts'
export {
  addProgram,
  checkGuest,
  type GuestOptions,
  type Prepared,
  prepareGuest,
  runInGuest,
} from './guest.ts'
export { stopMachine } from './inside.ts'
export { dependenciesOf, downloadPackages, type Kernel, newestKernel } from './kernel.ts'
export { MachineEnded } from './machine.ts'
export { LastOutput, takeOutput } from './output.ts'
export { GuestSetupError, isBelow } from './programs.ts'
export { GuestRun, type GuestStop, type OnGuestStop, replyText } from './run.ts'
