/**
 * A terminal that was stopped by Ctrl-S, and a pipe without a reader: traffic continues, and the
 * program still ends.
 */
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import type { Child } from '#support/netns.ts'
import { firstOf } from '#support/scale.ts'
import { PROGRAM } from '#support/vnet-process.ts'

const SCRIPT = resolve(import.meta.dirname, '../../support/unread-output.py')
const { near, directory: dir } = freshNamespaces('near')

/** Reads a child's output, with a promise for its first bytes. */
function reader({ stdout }: Child) {
  let text = ''
  let look = () => {}
  stdout.setEncoding('utf8').on('data', more => {
    text += more
    look()
  })
  return (pattern: RegExp) =>
    new Promise<RegExpExecArray>(done => {
      look = () => {
        const found = pattern.exec(text)
        if (found !== null) {
          done(found)
        }
      }
      look()
    })
}

/**
 * `vnet lan -vv`, which logs a line per frame, with an unread output; 2,000 pings, more lines than
 * any buffer holds.
 */
async function flooded(kind: string) {
  const args = ['lan', 'eth9', '-vv', '--negotiation', '0', '--leases', `${dir}/leases`]
  const child = near.spawn(['python3', SCRIPT, kind, process.execPath, PROGRAM, ...args])
  const wrote = reader(child)
  await wrote(/ready/)
  near.ip('addr add 198.18.0.50/24 dev eth9')
  // Fails without 2000 replies, and may have a few more.
  expect(await near.run('ping -q -f -c 2000 -w 90 198.18.0.1')).toMatchObject({ status: 0 })
  return { wrote, say: (line: string) => child.stdin.write(`${line}\n`) }
}

test.each(firstOf(1, ['pty', 'pipe']))(
  'an unread %s delays neither frames nor the end',
  async kind => {
    const { wrote, say } = await flooded(kind)
    say('end')
    await wrote(/status 0/)
  },
)

test.each(firstOf(1, ['pty', 'pipe']))(
  'lines that a %s had no room for are counted, and that is told when it is read',
  async kind => {
    const { wrote, say } = await flooded(kind)
    say('read')
    const [, lost] = await wrote(/(\d+) log lines were lost: they were not read in time/)
    expect(Number(lost)).toBeGreaterThan(100)
    say('end')
    await wrote(/status 0/)
  },
)
