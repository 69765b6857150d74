/** Generated text in the layout of the repository, so that `npm run format` leaves it as it is. */
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { tool } from './setup/command.mjs'

const root = resolve(import.meta.dirname, '..')

/** Returns the text of a file as Biome formats it. `path` decides on the language. */
export function formatted(text, path) {
  const [program, script] = tool('biome')
  const args = [join(root, script), 'format', `--stdin-file-path=${path}`]
  return execFileSync(program, args, { cwd: root, input: text, encoding: 'utf8' })
}
