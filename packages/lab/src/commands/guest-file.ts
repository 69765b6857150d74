/** Paths of files in a guest, which has one directory of this machine, at its real path. */
import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { isBelow } from '@vnet/guest/kit'

/** Returns the absolute path of a file, in which only the last name may be a symbolic link. */
export const realPlace = (file: string): string =>
  join(realpathSync(dirname(resolve(file))), basename(file))

/** Whether a file, and the target of a symbolic link, are in a directory, a real path. */
export const isInside = (file: string, directory: string): boolean =>
  [realPlace(file), realpathSync(file)].every(path => isBelow(path, directory))
