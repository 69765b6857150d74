/**
 * The mutations of conform-mutations.txt: changes of the stack that break one rule each. The file
 * has sections and mutations:
 *
 *     # SECTION.
 *
 *     mutation NAME: RULE           the rule that it breaks, as a statement
 *         file PATH                 below packages/inet/src or src
 *         - TEXT                    a line of the text to replace, which the file has exactly once
 *         + TEXT                    a line of its replacement
 *
 * Other texts of the file, and other files, may follow.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../../../..')
const FILE = new URL('../conform-mutations.txt', import.meta.url)
const FOLDERS = ['packages/inet/src', 'src']
const LINE = /^(?:# (.+)\.|mutation ([a-z\d-]+): (.+)| {4}(file|[-+])(?: (.*))?|)$/

/** Returns the mutations: `{ section, name, rule, edits: { file, from, to }[] }`. */
export function readMutations() {
  const mutations = []
  let section = ''
  let file
  for (const line of readFileSync(FILE, 'utf8').split('\n')) {
    const found = LINE.exec(line)
    if (found === null) throw new Error(`conform-mutations.txt: a mutation has no such line: ${line}`)
    const [, title, name, rule, word, text = ''] = found
    const edits = mutations.at(-1)?.edits
    if (title !== undefined) section = title
    else if (name !== undefined) mutations.push({ section, name, rule, edits: [] })
    else if (word === 'file') file = pathOf(text)
    else if (word === '+') edits.at(-1).to.push(text)
    else if (word === '-' && edits.at(-1)?.to.length === 0) edits.at(-1).from.push(text)
    else if (word === '-') edits.push({ file, from: [text], to: [] })
  }
  return mutations
}

function pathOf(text) {
  const file = FOLDERS.map(folder => join(root, folder, text)).find(path => existsSync(path))
  if (file === undefined) throw new Error(`conform-mutations.txt: there is no file ${text}`)
  return file
}

/** Returns the changed text of each file of a mutation. Throws if one does not have a text once. */
export function mutatedFiles({ name, edits }) {
  const files = new Map()
  for (const { file, from, to } of edits) {
    const text = from.join('\n')
    const parts = (files.get(file) ?? readFileSync(file, 'utf8')).split(text)
    if (parts.length !== 2 || text === to.join('\n'))
      throw new Error(`mutation ${name}: ${relative(root, file)} has ${parts.length - 1} times: ${text}`)
    files.set(file, parts.join(to.join('\n')))
  }
  if (files.size === 0) throw new Error(`mutation ${name}: it changes nothing`)
  return files
}
