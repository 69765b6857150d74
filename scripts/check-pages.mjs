/**
 * node scripts/check-pages.mjs [ROOT] [--write]: prints one line for each page that is too long,
 * has a paragraph that is too long, explains before it shows, repeats a fact of another page, or
 * repeats options of commands, and exits 1 if there is one.
 *
 * Pages that do so already are in scripts/page-exceptions.json, which only gets shorter: it is a
 * mistake, too, if a page needs less than it is allowed. --write then writes what pages need.
 *
 * Not checked are records, which the search of the site leaves out (`search: false` in their front
 * matter), pages that are generated as a whole, and CHANGELOG.md. Blocks of code and generated
 * blocks, from `<!-- NAME -->` to `<!-- /NAME -->`, are not counted.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, posix, resolve } from 'node:path'
import { inDocs, inPackage, withoutBlocks } from './blocks.mjs'
import { flag, readOptions } from './options.mjs'
import { filesIn } from './project-files.mjs'

/** Words of a page. */
const PAGE = 1500
/** Words of a paragraph, or of an item of a list. */
const PARAGRAPH = 90
/** Words of a page that shows how to do something, before it shows it. */
const BEFORE_CODE = 60

const EXCEPTIONS = 'scripts/page-exceptions.json'

/** Pages that are generated as a whole, records and templates. */
const NOT_PAGES =
  /^(docs\/(README|commands[\w-]*)\.md|CHANGELOG\.md|docs\/records\/|examples\/found\/)|\/template\//

/** Pages that explain, list or compare: they have no task to show first. */
export const NOT_HOW_TO = [
  ...inDocs('choose comparison control drivers/exports faq glossary install internals-add'),
  ...inDocs('internals-exec internals-kernel internals-lan internals-memory internals-tests'),
  ...inDocs('internals-tools internals json kernel-map performance playground running'),
  ...inDocs('security-programs security-requests security-services security-users security'),
  ...inDocs('seeds statistics tap-reference troubleshooting wires'),
  ...inPackage('conform', 'conform-cases'),
  ...inPackage('exec', 'exec'),
  ...inPackage('inet', 'linux'),
  ...inPackage('lab', 'nemesis packages testing-links testing-nat'),
  ...inPackage('lan', 'lan-config'),
  ...inPackage('learn', 'exercises to-the-kernel-rules'),
  ...inPackage('web', 'metrics'),
]

/**
 * Facts that one page says, its home. Another page has a clause about it at most, in a paragraph
 * with a link to the home.
 */
export const HOMES = [
  [
    'how vnet is installed',
    'docs/install.md',
    /clone (of vnet )?that was\s+built\s+once|npm install[^\n]*\.\.\/vnet/,
  ],
  ['how pasta is installed', 'docs/install.md', /apt(-get)? install passt/],
  ['filters that need libpcap', 'docs/install.md', /libpcap0\.8/],
  ['VNET_REQUIRED', 'docs/install.md', /VNET_REQUIRED/],
  [
    'how to run without root',
    'docs/rootless.md',
    /run\s+`(node dist\/vnet\.js|vnet) rootless|rootless[^`]*`\s+runs\s+a\s+command/,
  ],
  ['options of containers', 'docs/rootless.md', /seccomp=unconfined/],
  [
    'how a second terminal enters',
    'docs/rootless.md',
    /(second|other)\s+terminal\s+enters|enters\s+in\s+the\s+(second|other)\s+terminal/,
  ],
  ['filters and IPv6', 'docs/wires.md', /(try|tries)\s+IPv6(\s+first)?|never\s+match(es)?\s+IPv6/],
  ['what ab and ba are', 'docs/wires.md', /`ab` (leads|is|are)\b/],
  ['what a seed repeats', 'docs/seeds.md', /\bsame\s+seed\b/],
  [
    'exit statuses',
    'docs/commands.md',
    /exit\s+status\s+is\s+[012]|exits?\s+with\s+(status\s+)?[012]\b|^\| [012] \| (it|an option) /m,
  ],
  ['what remains after kill -9', 'docs/faq.md', /kill -9/],
  [
    'versions that were tried',
    'docs/records/tried.md',
    /\b([Nn]ot tried|(could not be|was not|were not) (reached|run))\b/,
  ],
]

/** Words have a letter or a digit, unlike the lines of a table. */
const wordsOf = text => text.match(/\S*[\p{L}\p{N}]\S*/gu)?.length ?? 0

/** Returns the text of a page without its front matter and generated blocks. */
const written = page =>
  withoutBlocks(page.replace(/^---\n[\s\S]*?\n---\n/, '')).replace(/<!--[\s\S]*?-->/g, '')

/** Returns text without code: fenced, or indented after an empty line outside of a list. */
const withoutCode = text =>
  text
    .replace(/^( *)```[\s\S]*?^\1```.*$/gm, '')
    .replace(/(^|\n)\n(?: {4}[^\n]*\n|\n(?= {4}))+/g, '\n\n')

/** Returns the paragraphs, the items of lists and the rows of tables of a text. */
const passages = text =>
  text
    .split(/\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=#+ |\|)/)
    .map(passage => passage.trim())
    .filter(passage => passage !== '' && !passage.startsWith('#'))

const isProse = passage => !/^[|<!]/.test(passage)

/** Returns the options that the pages of commands list. */
function optionsOf(root, files) {
  const pages = files.filter(file => /^docs\/commands[\w-]*\.md$/.test(file))
  const rows = pages.flatMap(file => [
    ...readFileSync(join(root, file), 'utf8').matchAll(/^\| `(--[a-z0-9-]+)/gm),
  ])
  return new Set(rows.map(([, option]) => option))
}

/** Returns whether a passage of a page has a link to another page. */
const linksTo = (passage, page, home) =>
  [...passage.matchAll(/\]\(([^)#]+)/g)].some(
    ([, path]) => posix.join(posix.dirname(page), path) === home,
  )

/**
 * Returns the mistakes of a page by the names of rules: a length in words, or a count. The rules
 * are in MESSAGES, the facts in HOMES. A rule that the page keeps is missing.
 */
export function findings(file, page, options) {
  const text = written(page)
  const prose = withoutCode(text)
  const parts = passages(prose)
  const count = isSo => parts.filter(isSo).length
  const lead = wordsOf(text.split(/^ *```|\n\n {4}\S|!\[/m)[0])
  const isHowTo = /(^|\/)docs\//.test(file) && !NOT_HOW_TO.includes(file)
  const found = {
    words: wordsOf(prose) > PAGE ? wordsOf(prose) : 0,
    paragraphs: count(part => isProse(part) && wordsOf(part) > PARAGRAPH),
    before: isHowTo && lead > BEFORE_CODE ? lead : 0,
    options: count(part => options.has(/^\| `(--[a-z0-9-]+)/.exec(part)?.[1])),
  }
  for (const [fact, home, pattern] of HOMES.filter(([, home]) => home !== file)) {
    found[fact] = count(part => pattern.test(part) && !linksTo(part, file, home))
  }
  return Object.fromEntries(Object.entries(found).filter(([, number]) => number > 0))
}

const MESSAGES = {
  words: needed => `${needed} words, at most ${PAGE}: a page has one job`,
  paragraphs: needed => `paragraphs or items with more than ${PARAGRAPH} words: ${needed}`,
  before: needed => `${needed} words before the first code, at most ${BEFORE_CODE}`,
  options: needed => `rows of options that docs/commands*.md have: ${needed}`,
}
/** The rules about lengths. */
const LENGTHS = new Set(['words', 'before'])

/** Returns the message about a page that needs `needed` of a rule. */
function message(rule, needed) {
  if (rule in MESSAGES) return MESSAGES[rule](needed)
  const [, home] = HOMES.find(([fact]) => fact === rule)
  return `${rule}: ${home} is the page for it; link to it instead`
}

/**
 * Returns the mistakes of pages by paths, and the exceptions that are still needed. `allowed` is
 * the list of exceptions: an object like that of findings for each page.
 */
export function checkPages(pages, options, allowed) {
  const mistakes = []
  const left = {}
  for (const file of new Set([...Object.keys(allowed), ...pages.keys()])) {
    const found = pages.has(file) ? findings(file, pages.get(file), options) : {}
    const may = allowed[file] ?? {}
    for (const rule of new Set([...Object.keys(found), ...Object.keys(may)])) {
      const [needed, most] = [found[rule] ?? 0, may[rule] ?? 0]
      if (needed > most) {
        mistakes.push(`${file}: ${message(rule, needed)}`)
      }
      // A page that is too long may lose some words without a change of the list.
      if (needed < most && (needed === 0 || !LENGTHS.has(rule))) {
        mistakes.push(`${EXCEPTIONS}: ${file} needs ${needed} for "${rule}", not ${most}: --write`)
      }
      if (Math.min(needed, most) > 0) {
        left[file] = { ...left[file], [rule]: Math.min(needed, most) }
      }
    }
  }
  return { mistakes, left }
}

/** Returns whether the search of the site leaves a page out: it is a record. */
export const isLeftOut = page =>
  /^search: false$/m.test(/^---\n[\s\S]*?\n---\n/.exec(page)?.[0] ?? '')

/** Returns the texts of the pages of `root` by their paths. */
function pagesOf(root, files) {
  const pages = files
    .filter(file => file.endsWith('.md') && !NOT_PAGES.test(file))
    .map(file => [file, readFileSync(join(root, file), 'utf8')])
  return new Map(pages.filter(([, page]) => !isLeftOut(page)))
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = readOptions({ write: flag }, 1)
  const root = resolve(positionals[0] ?? '.')
  const files = filesIn(root)
  const path = join(root, EXCEPTIONS)
  const allowed = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
  const pages = pagesOf(root, files)
  const options = optionsOf(root, files)
  if (values.write) {
    const { left } = checkPages(pages, options, allowed)
    writeFileSync(path, `${JSON.stringify(left, null, 2)}\n`)
  }
  const now = values.write ? JSON.parse(readFileSync(path, 'utf8')) : allowed
  const { mistakes } = checkPages(pages, options, now)
  for (const line of mistakes) {
    console.error(line)
  }
  process.exitCode = mistakes.length > 0 ? 1 : 0
}
