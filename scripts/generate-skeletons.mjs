/**
 * npm run generate: generates the skeleton of each exercise in packages/learn/course from its
 * solution, in which comments mark the lines that differ:
 *
 *     // #todo 1: give the frame to the kernel instead.
 *     // #skeleton skb.drop()
 *     netifRx(skb)
 *     // #end
 *
 * In place of a block up to `#end`, the skeleton has the texts of its `#skeleton` lines, and
 * `// TODO` for `#todo`. The second line of a task is `// #skeleton // ...`. A block that starts
 * with `#solution` is left out. In a docstring the markers are lines of it: ` * #skeleton @returns
 * {number}`. Imports that only the solution uses are removed without markers. In a module in C,
 * kernel/solution.c, a marker is a block comment. Without markers, `vnet learn --kernel` makes the
 * module's skeleton from the driver's.
 */

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { tool } from './setup/command.mjs'

const root = resolve(import.meta.dirname, '..')
const course = join(root, 'packages/learn/course')

/** A marker, as `withoutMarkers` of packages/learn/src/exercise.ts removes it. */
const MARKER = /^([ \t]*)(\/\/|\*) #(?:(todo|skeleton) (.+)|(solution|end))$/

/** A comment that starts like a marker. */
const LIKE_MARKER = /^[ \t]*(?:\/\/|\*) #/

/**
 * Returns the lines of the skeleton, not yet formatted, and with all imports of the solution.
 * Throws for a comment that only starts like a marker, and for blocks that are not closed.
 */
export function cutOut(solution) {
  const lines = []
  /** Whose the next line is; `skeleton` while a block has no line of the solution yet. */
  let part = 'both'
  for (const [i, line] of solution.split('\n').entries()) {
    const [isMarker, indent, leader, kind, text, bound] = MARKER.exec(line) ?? []
    if (isMarker === undefined) {
      if (LIKE_MARKER.test(line)) throw new Error(`line ${i + 1} is not a marker: ${line}`)
      if (part === 'both') {
        lines.push(line)
      } else {
        part = 'solution'
      }
    } else if (bound === 'end') {
      if (part === 'both') throw new Error(`line ${i + 1}: #end has no block`)
      part = 'both'
    } else {
      if (part !== 'both' && (part === 'solution' || bound !== undefined)) {
        throw new Error(`line ${i + 1}: the block before has no #end`)
      }
      part = bound ?? 'skeleton'
      if (bound === undefined) {
        const start = leader === '*' ? '* ' : ''
        lines.push(`${indent}${start}${kind === 'todo' ? '// TODO ' : ''}${text}`)
      }
    }
  }
  if (part !== 'both') throw new Error('the last block has no #end')
  return lines.join('\n')
}

/** Returns the skeleton of a module in C. */
export function cutOutModule(solution) {
  const marked = solution.replace(/^(\s*)\/\* (#.*) \*\/$/gm, '$1// $2')
  return cutOut(marked).replace(/^(\s*)\/\/ (TODO .*)$/gm, '$1/* $2 */')
}

/** Returns the paths in the course and the texts of the skeletons of modules. */
export function moduleSkeletons() {
  return courseFolders().flatMap(name => {
    const solution = join(course, name, 'kernel/solution.c')
    const text = existsSync(solution) ? readFileSync(solution, 'utf8') : ''
    if (!text.includes('/* #end */')) return []
    return [{ path: join(name, 'kernel/skeleton.c'), text: cutOutModule(text) }]
  })
}

const courseFolders = () => readdirSync(course).filter(name => /^\d/.test(name))

/**
 * Returns the paths in the course and the texts of all skeletons: formatted, and with the imports
 * that they use.
 */
export function skeletons() {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-skeletons-'))
  try {
    const paths = courseFolders().map(name => skeletonIn(name, directory))
    format(directory)
    return paths.map(path => ({ path, text: readFileSync(join(directory, path), 'utf8') }))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/**
 * Formats the files of a directory, and removes the imports that they do not use. Biome reads all
 * files beside its configuration, so the directory gets one of its own.
 */
function format(directory) {
  const { formatter, javascript } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'))
  writeFileSync(join(directory, 'biome.json'), JSON.stringify({ formatter, javascript }))
  const [program, script] = tool('biome')
  const rules = ['correctness/noUnusedImports', 'source/organizeImports']
  const only = rules.map(rule => `--only=${rule}`)
  const args = ['check', '--write', '--unsafe', `--config-path=${directory}`, ...only, directory]
  execFileSync(program, [join(root, script), ...args], { cwd: root, stdio: 'pipe' })
}

/** Writes the lines of an exercise's skeleton into a directory. Returns the path in it. */
function skeletonIn(name, directory) {
  const read = file => readFileSync(join(course, name, file), 'utf8')
  const [, driver] = /^ {2}driver: '(.*)',$/m.exec(read('exercise.js'))
  const path = join(name, driver)
  mkdirSync(join(directory, dirname(path)))
  try {
    writeFileSync(join(directory, path), cutOut(read('solution.js')))
  } catch (error) {
    throw new Error(`${name}/solution.js: ${error.message}`)
  }
  return path
}

if (process.argv[1] === import.meta.filename) {
  for (const { path, text } of [...skeletons(), ...moduleSkeletons()]) {
    writeFileSync(join(course, path), text)
  }
}
