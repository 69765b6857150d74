/**
 * npm run generate: writes docs/README.md, the contents of the documentation: each page once, with
 * its title and its first sentence, in the groups of the list on the left of the site.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { cell, firstSentence, inDocs, inPackage, table, wrapped } from './blocks.mjs'
import { readOptions } from './options.mjs'

const ROOT = resolve(import.meta.dirname, '..')
const CONTENTS = 'docs/README.md'

/** The pages by the headings of their groups, in the order in which they are read. */
export const GROUPS = {
  Start: inDocs('install choose faq comparison troubleshooting'),
  'Test over bad networks': [
    ...inPackage('lab', 'run testing testing-links testing-nat recipes memory packages'),
    ...inPackage('lab', 'browsers lab toxiproxy'),
    ...inDocs('seeds'),
  ],
  'Bad links': inDocs('wires wires-links wires-bytes wires-time write-a-wire attach containers'),
  'Find a failure': [
    ...inPackage('lab', 'test-from test-from-write explore explore-commands explore-runs'),
    ...inPackage('lab', 'explore-further nemesis'),
    ...inPackage('guest', 'virtual-time find-failures'),
  ],
  'Look at traffic': [
    ...inDocs('capture statistics'),
    ...inPackage('web', 'web metrics'),
    ...inDocs('control control-programs'),
  ],
  'Learn drivers': [
    ...inPackage('learn', 'course exercises first-lesson teaching grading write-an-exercise'),
    ...inDocs('playground write-a-driver write-a-driver-test'),
    ...inDocs(
      'drivers/testing drivers/napi drivers/several-devices drivers/own-frames drivers/e1000',
    ),
    ...inDocs('drivers/exports debugging debugging-steps ldd ldd-continued kernel-map'),
    ...inPackage('learn', 'to-the-kernel to-the-kernel-rules'),
    ...inPackage('exec', 'exec'),
  ],
  'TAP and Ethernet ports': [
    ...inDocs('tap tap-reference'),
    ...inPackage('lan', 'lan lan-config lan-port'),
    ...inPackage('lab', 'tap-host'),
  ],
  'TCP/IP stacks': [
    ...inPackage('conform', 'conform conform-cases'),
    ...inPackage('inet', 'linux'),
  ],
  'Rights and security': [
    ...inDocs('rootless ci running security security-users security-requests security-programs'),
    ...inDocs('security-services'),
  ],
  Reference: [
    ...inDocs('commands commands-labs commands-interfaces commands-monitoring'),
    ...inDocs('commands-controlling commands-captures json glossary performance SKILL'),
  ],
  'For developers of vnet': [
    'CONTRIBUTING.md',
    ...inDocs('internals internals-memory internals-kernel internals-tools internals-lan'),
    ...inDocs('internals-exec internals-tests internals-add'),
    ...['README', 'parts', 'strangers'].map(name => `bench/${name}.md`),
    'CHANGELOG.md',
  ],
  Packages: [
    'lab',
    'conform',
    'learn',
    'lan',
    'guest',
    'web',
    'exec',
    'inet',
    'create-vnet-driver',
  ].map(name => `packages/${name}/README.md`),
}

const INTRO =
  'The [README](../README.md) has a first example. The site, which `npm run docs` makes, has a ' +
  'page for each entry point of the API, too. Pages lead to data, such as [what was tried with ' +
  'which version](records/tried.md) and [the netlink family](vnet_nl.yaml).'

/** Returns the title of a page and its first sentence, without the addresses of links. */
export function opening(page) {
  const text = page
    .replace(/^---\n[\s\S]*?\n---\n/, '')
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/^ *```[\s\S]*?^ *```.*$/gm, '')
  const [heading, ...parts] = text.trim().split(/\n\s*\n/)
  const paragraph = parts.find(part => /^[\p{L}\p{N}`*[]/u.test(part)) ?? ''
  const plain = paragraph.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
  return { title: heading.replace(/^# /, ''), sentence: firstSentence(plain).replace(/:$/, '.') }
}

/** Returns docs/README.md. `read` returns the text of a page. */
export function contentsPage(read) {
  const { description } = JSON.parse(read('package.json'))
  const groups = Object.entries(GROUPS).map(([heading, pages]) => {
    const rows = pages.map(path => {
      const { title, sentence } = opening(read(path))
      return [`[${cell(title)}](${relative('docs', path)})`, cell(sentence)]
    })
    return `## ${heading}\n\n${table(['page', 'first sentence'], rows)}\n`
  })
  return `# The documentation of vnet

${wrapped(`${description}. ${INTRO}`)}

${groups.join('\n')}`
}

if (process.argv[1] === import.meta.filename) {
  readOptions()
  const read = path => readFileSync(join(ROOT, path), 'utf8')
  writeFileSync(join(ROOT, CONTENTS), contentsPage(read))
}
