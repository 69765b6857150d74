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
 * Other texts of the file, and other files, may follow. conform-legal.txt has changes that break no
 * rule. They start with `change` instead of `mutation`, and have two further lines:
 *
 *         with NAME...              has the changes of these names
 *         world NAME                runs in this world of the runner
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../../../..')
const FOLDERS = ['packages/inet/src', 'src']
const LINE =
  /^(?:# (.+)\.|(?:mutation|change) ([a-z\d-]+): (.+)| {4}(file|with|world|[-+])(?: (.*))?|)$/

/** Returns the mutations: `{ section, name, rule, edits: { file, from, to }[] }`. */
export const readMutations = () => readChanges('conform-mutations.txt')

/** Returns the legal changes, like mutations, which may also have the name of a `world`. */
export const readLegalChanges = () => readChanges('conform-legal.txt')

function readChanges(name) {
  const mutations = []
  let section = ''
  let file
  for (const line of readFileSync(new URL(`../${name}`, import.meta.url), 'utf8').split('\n')) {
    const found = LINE.exec(line)
    if (found === null) throw new Error(`${name}: it has no such line: ${line}`)
    const [, title, change, rule, word, text = ''] = found
    const edits = mutations.at(-1)?.edits
    if (title !== undefined) {
      section = title
    } else if (change !== undefined) {
      mutations.push({ section, name: change, rule, edits: [] })
    } else if (word === 'world') {
      mutations.at(-1).world = text
    } else if (word === 'with') {
      combine(mutations, text.split(' '))
    } else if (word === 'file') {
      file = pathOf(text)
    } else if (word === '+') {
      edits.at(-1).to.push(text)
    } else if (word === '-' && edits.at(-1)?.to.length === 0) {
      edits.at(-1).from.push(text)
    } else if (word === '-') {
      edits.push({ file, from: [text], to: [] })
    }
  }
  return mutations
}

/** Gives the last change the edits and the world of others before it. */
function combine(changes, names) {
  const last = changes.at(-1)
  for (const name of names) {
    const { edits, world } = changes.find(each => each.name === name)
    last.edits.push(...edits)
    last.world ??= world
  }
}

function pathOf(text) {
  const file = FOLDERS.map(folder => join(root, folder, text)).find(path => existsSync(path))
  if (file === undefined) throw new Error(`there is no file ${text} to change`)
  return file
}

/** Returns the changed text of each file of a mutation. Throws if one does not have a text once. */
export function mutatedFiles({ name, edits }) {
  const files = new Map()
  for (const { file, from, to } of edits) {
    const text = from.join('\n')
    const parts = (files.get(file) ?? readFileSync(file, 'utf8')).split(text)
    if (parts.length !== 2 || text === to.join('\n')) {
      throw new Error(
        `mutation ${name}: ${relative(root, file)} has ${parts.length - 1} times: ${text}`,
      )
    }
    files.set(file, parts.join(to.join('\n')))
  }
  if (files.size === 0) throw new Error(`mutation ${name}: it changes nothing`)
  return files
}
