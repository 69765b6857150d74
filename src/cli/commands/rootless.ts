/** `vnet rootless`: becomes the command, in new namespaces in which the user is root. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inherited } from '../../linux/inherited.ts'
import { loadNative } from '../../linux/native.ts'
import { checkTun, execRootless } from '../../linux/rootless.ts'

/** Returns only by throwing a VnetError. */
export function rootless(command: readonly string[]): never {
  const native = loadNative()
  checkTun(native)
  // The cache of Playwright is named after the user id, which inside is root's. Where root has run
  // tests, the user could not write to it.
  process.env.PLAYWRIGHT_TRANSFORM_CACHE_DIR ??=
    process.env.PWTEST_CACHE_DIR ?? join(tmpdir(), `playwright-transform-cache-${process.geteuid?.()}`)
  const given = inherited().flatMap((isGiven, fd) => (isGiven && fd > 2 ? [fd] : []))
  execRootless(native, command, Int32Array.from(given))
}
