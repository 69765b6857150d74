/** The example of packages/lan/docs/lan-config.md, and how files are rejected. */
import { readFileSync } from 'node:fs'
import { UsageError } from '#src/base/usage-error.ts'
import { parseLanConfig } from '../../src/config/config.ts'

export const page = readFileSync(new URL('../../docs/lan-config.md', import.meta.url), 'utf8')

export const example = /```yaml\n(.*?)```/s.exec(page)![1]

export const parse = (text: string) => parseLanConfig(text, 'lan.yaml')

/** Returns the lines that reject a file, without its name. */
export function rejected(text: string): string[] {
  try {
    parse(text)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return error.message.split('\n').map(line => line.replace(/^lan\.yaml:( (?=and))?/, ''))
  }
  return []
}
