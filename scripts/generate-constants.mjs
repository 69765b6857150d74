/**
 * node scripts/generate-constants.mjs: generates NAME.generated.ts beside each NAME.constants of
 * src, which set-up does. Such a file is a table of the numbers of a header or an RFC. A line has a
 * name and a value, which may use names above it and continue on indented lines. The comment above
 * a line is the docstring of the constant. Bundlers need each constant as an export of a module.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { filesUnder } from './setup/stamp.mjs'

/** Returns the module for a table. Throws for a line that is not a name and a value. */
function constantsSource(text) {
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
