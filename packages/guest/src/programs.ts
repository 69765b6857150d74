/** What the files of a virtual machine have in common. */
import { relative } from 'node:path'

/** Thrown if a virtual machine cannot start here: one line that says what to do. */
export class GuestSetupError extends Error {
  override readonly name = 'GuestSetupError'
}

/** Whether an absolute path is a directory or in it. */
export const isBelow = (path: string, directory: string): boolean => !/^\.\.(\/|$)/.test(relative(directory, path))
