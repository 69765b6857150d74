/**
 * The prebuilt files of the package, in prebuilds/TARGET. The stamp of a target is in build/, which
 * is not packed.
 */

import { existsSync } from 'node:fs'
import { digest, filesUnder, isStamped } from './stamp.mjs'

export const ADDON = 'vnet.node'
export const PROGRAMS = ['vnet-launch', 'vnet-rootless', 'vnet-within', 'vnet-clock.so', 'vnet-cni']
/** Apart from the other programs: few commands start a guest, and no test of `npm test`. */
export const GUEST_PROGRAM = 'vnet-guest'
export const BUILT_FILES = [ADDON, ...PROGRAMS, GUEST_PROGRAM]

/** The target of this machine. */
export const OWN = `linux-${process.arch}`

export const fileOf = (target, name) => `prebuilds/${target}/${name}`

export const stampOf = target => `build/.vnet-prebuild-${target}`

export function inputsOf(target) {
  return digest(['binding.gyp', ...filesUnder('native')], [target])
}

/** Whether the files of a target are complete, and made from the sources in this directory. */
export function isCurrent(target) {
  return (
    isStamped(stampOf(target), inputsOf(target)) &&
    BUILT_FILES.every(name => existsSync(fileOf(target, name)))
  )
}
