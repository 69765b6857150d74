/** The files of a clone: those that git tracks and that exist, and new ones. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Returns the paths of the files of `root`, relative to it. Ignored files are left out. */
export function filesIn(root) {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 })
  // A file with a conflict is listed once for each side.
  return [...new Set(listed.split('\0').slice(0, -1))].filter(file => existsSync(join(root, file)))
}
