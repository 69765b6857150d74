/** `vnet top` beside a running vnet: on a terminal of tmux, and as lines. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { fileDirectory } from '../support/fresh-directory.ts'
import { freshQuietNamespaces } from '../support/fresh-namespaces.ts'
import type { Netns } from '../support/netns.ts'
import { startMain } from '../support/run-main.ts'
import { PROGRAM, startVnet, stopConserved } from '../support/vnet-process.ts'

const directory = fileDirectory()

const { own, netns } = freshQuietNamespaces('netns')
afterEach(() => {
  try {
    tmux('kill-server')
  } catch {
    // No server exists after a test that started none, or after its shell has ended.
  }
})

function tmux(...args: string[]): string {
  return execFileSync('tmux', ['-S', join(directory, 'tmux'), '-f', '/dev/null', ...args], {
    encoding: 'utf8',
    stdio: 'pipe',
  })
}

/** Waits until the terminal shows what is wanted, and returns all that it shows. */
async function shows(wanted: RegExp): Promise<string> {
  let text = ''
  const look = () => {
    text = tmux('capture-pane', '-p', '-t', 'top')
    return text
  }
  await expect.poll(look, { interval: 20 }).toMatch(wanted)
  return text
}

/** Waits until the terminal shows what is wanted and the rows of these interfaces, drawn last. */
async function showsRows(wanted: RegExp, names: string[]): Promise<void> {
  const look = async () => (await shows(wanted)).match(/sn[01](?= +up)/g)
  await expect.poll(look, { interval: 20 }).toEqual(names)
}

test('top on a terminal sorts, filters, fits a new size, and restores the screen at every end', async () => {
  const vnet = await startVnet(['snull', '--netns', netns.name, '--json'])
  const type = (...keys: string[]) => tmux('send-keys', '-t', 'top', ...keys)
  const run = (command: string) => {
    type('-l', command)
    type('Enter')
  }
  const top = `${process.execPath} ${PROGRAM} top ${netns.name}/sn0 ${netns.name}/sn1 --watch 100ms`
  tmux('new-session', '-d', '-s', 'top', '-x', '120', '-y', '12', 'env PS1="ready> " bash --norc --noprofile')
  await shows(/^ready>$/m)
  run(`clear; ${top}; echo "status $?"`)
  await showsRows(/by tx\n(.*\n)*.*sn1 +up +0 (.*\n)*q quit/, ['sn0', 'sn1'])
  type('n', 'n')
  await showsRows(/by name, reversed/, ['sn1', 'sn0'])
  type('/')
  type('-l', 'sn1')
  await showsRows(/filter: sn1_/, ['sn1'])
  type('Enter')
  tmux('resize-window', '-t', 'top', '-x', '60', '-y', '9')
  await showsRows(/^q quit.{53}$/m, ['sn1'])
  type('q')
  expect(await shows(/^status 0\nready>$/m)).not.toContain('interface')

  // Suspended, gone on, and ended by a signal.
  run(`clear; ${top}`)
  await shows(/^interface/m)
  type('C-z')
  expect(await shows(/Stopped/)).not.toContain('interface')
  run('clear; echo "process $(jobs -p)"')
  const [, pid] = /^process (\d+)$/m.exec(await shows(/^process \d+$/m)) ?? []
  run('fg; echo "status $?, $(stty | grep -c -- -icanon)"')
  await shows(/^interface/m)
  process.kill(Number(pid), 'SIGTERM')
  expect(await shows(/^status 0, 0$/m)).not.toContain('interface')
  await stopConserved(vnet)
})

test('top in a pipe prints a block of lines each interval, even of new vnets, until the last has ended', async () => {
  const other = own.addQuiet()
  // A name that no other vnet on this machine has.
  const name = netns.name.slice(-10)
  const start = (netns: Netns) => startVnet(['--name', name, '--no-address', '--netns', netns.name, '--json'])
  const vnets = [await start(netns)]
  const top = startMain('top', '--watch', '20ms', name)
  await top.until(text => /^interface .*\n\S+ +up +- .*\n\ninterface .*\n\S+ +up +0 /m.test(text))
  vnets.push(await start(other))
  await top.until(text => text.split('\n\n').some(block => [netns, other].every(each => block.includes(each.name))))
  for (const vnet of vnets) await stopConserved(vnet)
  const { status, stdout, stderr } = await top.ended
  expect([status, stderr]).toEqual([1, 'vnet: no vnet is running any more\n'])
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a pipe gets none
  expect(stdout).not.toMatch(/\x1b/)
})
