/**
 * 'vnet/kit/linux', for the packages of this repository, of the same version: what calls the kernel
 * for files, programs, privileges and processes.
 */
export { check, closeFd, closeFds, closing, closingOnError, startPoller } from '../linux/errno.ts'
export {
  cachePath,
  inCache,
  makeDirectories,
  makeTemporaryDirectory,
  writeFile,
} from '../linux/files.ts'
export { inherited } from '../linux/inherited.ts'
export {
  BUILD_ADVICE,
  builtFile,
  loadNative,
  type Native,
  type Poller,
  whyNotLinux,
} from '../linux/native.ts'
export {
  dropPrivileges,
  hasCapability,
  sharesUserNamespace,
} from '../linux/privileges.ts'
export { cpuTimeOf, fieldsOf, statOf } from '../linux/proc-stat.ts'
export {
  DOWNLOAD_PROGRAMS,
  findProgram,
  GUEST_PROGRAMS,
  installing,
  MODULE_PROGRAMS,
  missingPrograms,
  searchPath,
} from '../linux/programs.ts'
export {
  checkRegular,
  openOutput,
  readTextFile,
  refuseForeign,
  replaceFile,
} from '../linux/regular-file.ts'
export { notX64 } from '../linux/requirements.ts'
export {
  confined,
  startRemover,
  whyNoTun,
  whyNotConfined,
  whyNotRootless,
  withParent,
} from '../linux/rootless.ts'
