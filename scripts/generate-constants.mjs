/**
 * node scripts/generate-constants.mjs: generates NAME.generated.ts beside each NAME.constants of the
 * core, which set-up does. Such a file is a table of numbers of a header or an RFC: a name and a
 * value a line, where a value may use names above it. The comment above a line is the docstring of
 * the constant. Browsers and bundlers need each constant as an export of a module.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { filesUnder } from './setup/stamp.mjs'

/** Returns the module for a table. Throws for a line that is not a name and a value. */
export function constantsSource(text) {
  let comment = []
  const lines = text
    .replaceAll('\n  ', ' ')
    .split('\n')
    .flatMap(line => {
      if (line.startsWith('# ')) {
        comment.push(line.slice(2))
        return []
      }
      const doc = comment.length === 0 ? [] : [`/** ${comment.join(' ')} */`]
      comment = []
      if (line === '') return [...doc, '']
      const [, name, value] = /^([A-Z]\w*) ([-|<\w ]+)$/.exec(line) ?? []
      if (name === undefined) throw new Error(`'${line}' is not a name and a value`)
      return [...doc, `export const ${name} = ${value}`]
    })
  return `${lines.join('\n')}\n`
}

for (const file of filesUnder('src').filter(file => file.endsWith('.constants')))
  writeFileSync(file.replace(/constants$/, 'generated.ts'), constantsSource(readFileSync(file, 'utf8')))
