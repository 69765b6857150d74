/**
 * The commands of docs/ldd.md and docs/ldd-continued.md, in their order, in one namespace: each
 * prints the lines that the pages show, and the driver prints the lines that start with its name.
 */

import { once } from 'node:events'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { type Outcome, OwnNetns, outcome } from '#support/netns.ts'
import { readPages } from '#support/pages.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'

const page = readPages('docs/ldd.md', 'docs/ldd-continued.md')
const blocks = (wanted: string) =>
  [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, kind]) => kind === wanted)
    .map(([, , text]) => text!)

interface Step {
  readonly command: string
  readonly printed: readonly string[]
  /** Lines of the driver. */
  readonly logged: readonly string[]
}

const isLog = (line: string) => /^(sn[01]|red0|snull): /.test(line)

function steps(block: string): Step[] {
  return block.split(/^(?=\$ |\^C)/m).map(text => {
    const [command = '', ...shown] = text.trimEnd().split('\n')
    const logged = shown.filter(isLog)
    return {
      command: command.replace(/^\$ /, ''),
      printed: shown.filter(line => !isLog(line)),
      logged,
    }
  })
}

/** A line of the page, in which what differs between runs is open. */
function pattern(line: string): RegExp {
  const source = line
    .trim()
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/(\\?[,=] ?time |time=|after )[\d\\.]+/g, '$1[\\d.]+')
    .replace(/^(rtt .* = )[\d\\./]+/, '$1[\\d./]+')
    .replace(/\bid \d+/, 'id \\d+')
    .replace(/^\d+: /, '\\d+: ')
    .replace(/flags 0x[0-9a-f]+/, 'flags 0x[0-9a-f]+')
    .replace(/^(sn\d +snull .*) \d+$/, '$1 \\d+')
    .replace(/\d+ interrupts, \d+ of/, '\\d+ interrupts, \\d+ of')
    .replace(/ +/g, ' +')
  return RegExp(`^\\s*${source}`, 'm')
}

/** The lines in their order, with others between them. */
const all = (lines: readonly string[]) =>
  RegExp(lines.map(line => pattern(line).source).join('[^]*?'), 'm')

test('every command of docs/ldd.md and docs/ldd-continued.md prints what the pages show', async () => {
  const directory = testDirectory()
  const own = new OwnNetns()
  try {
    const netns = own.addQuiet()
    for (const entry of ['dist', 'build', 'package.json', 'node_modules']) {
      symlinkSync(resolve(entry), join(directory, entry))
    }
    writeFileSync(join(directory, 'skb.js'), blocks('js').join('\n'))
    const prelude = [
      'shopt -s expand_aliases',
      'sudo() { "$@"; }',
      `PATH=${process.execPath.replace(/\/node$/, '')}:$PATH`,
    ]
    const aliases = [...page.matchAll(/^\$ (alias .*)$/gm)].map(([, alias]) => alias!)
    const spawn = (command: string) =>
      netns.spawn(['bash', '-c', [...prelude, `cd ${directory}`, ...aliases, command].join('\n')])
    let vnet: Running | undefined
    for (const block of blocks('')) {
      const captures: [Promise<Outcome>, readonly string[]][] = []
      for (const { command, printed, logged } of steps(block)) {
        const before =
          command.startsWith('vnet ') && printed.includes('ready')
            ? [0, 0]
            : [vnet?.stderr.length, vnet?.stdout.length]
        if (command === '^C') {
          const ended = await vnet!.stop('SIGINT')
          expect(ended.status).toBe(0)
          expect(ended.stdout).toMatch(all(printed))
        } else if (printed.includes('ready')) {
          vnet = await spawnVnet(command.split(' ').slice(1), {
            within: ['ip', 'netns', 'exec', netns.name],
          })
        } else if (command.startsWith('sudo tcpdump')) {
          const child = spawn(command)
          captures.push([outcome(child), printed])
          await once(child.stderr, 'data')
        } else {
          const run = async () => {
            const { stdout, stderr } = await outcome(spawn(command))
            return stdout + stderr
          }
          // The kernel shows a carrier's change up to a second later.
          if (/^ip -br link /.test(command)) {
            await expect.poll(run, { timeout: 5000 }).toMatch(all(printed))
          } else {
            expect(await run(), command).toMatch(all(printed))
          }
        }
        const news = () => `${vnet!.stderr.slice(before[0])}${vnet!.stdout.slice(before[1])}`
        for (const line of logged) {
          await expect.poll(news, { message: command }).toMatch(pattern(line))
        }
      }
      for (const [capture, printed] of captures) {
        expect((await capture).stdout).toMatch(all(printed))
      }
    }
  } finally {
    own.remove()
  }
})
