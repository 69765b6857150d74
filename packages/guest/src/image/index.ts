/** The images of a virtual machine: see base.ts and directory.ts. */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { type BaseImage, baseTree } from './base.ts'
import { directoryTree } from './directory.ts'
import { imageOf } from './squashfs.ts'

export { guestPath } from './base.ts'

/** Returns the path of the base image. Throws a GuestSetupError. */
export const baseImage = (base: BaseImage): Promise<string> => imageOf('image', baseTree(base))

/**
 * Returns the path of the image of a directory, which the machine has at the same path. Throws a
 * GuestSetupError if it is too large.
 */
export const directoryImage = (directory: string): Promise<string> =>
  imageOf('project', directoryTree(realpathSync(resolve(directory))))
