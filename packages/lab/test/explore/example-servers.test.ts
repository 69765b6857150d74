/**
 * The commands of examples/servers/README.md: clients of Debian succeed with each server. And the
 * program of examples/warm for an interpreter that few machines have.
 */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { page } from '../../../../examples/servers/http.mjs'
import { mails } from '../../../../examples/servers/pop3.mjs'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'
import { reportsEachEnd } from '../support/warm-programs.ts'

const SERVERS = fileURLToPath(new URL('../../../../examples/servers/', import.meta.url))

/** By server: a text that its client prints or keeps. */
const CLIENTS: Record<string, string> = {
  http: page,
  websocket: '< hello',
  redis: 'OK',
  smtp: '',
  pop3: mails[0]!,
  imap: mails[0]!,
  ftp: page,
  postgresql: 'PostgreSQL 15.0',
  mysql: '8.0.0',
  amqp: '',
  mqtt: '',
}

/** The rows of the table: a server, and the command of its client. */
const rows = readFileSync(join(SERVERS, 'README.md'), 'utf8')
  .split('\n')
  .flatMap(line => {
    const [, name, command] = /^\| \[(\w+)\]\(.* `([^`]+)` \|$/.exec(line) ?? []
    if (name === undefined || command === undefined) return []
    return [{ name, command: command.replaceAll('\\|', '|') }]
  })

test('the table has all servers of the folder', () => {
  const files = readdirSync(SERVERS).filter(file => file.endsWith('.mjs') && file !== 'shared.mjs')
  expect(rows.map(({ name }) => `${name}.mjs`).sort()).toEqual(files.sort())
  expect(Object.keys(CLIENTS).sort()).toEqual(rows.map(({ name }) => name).sort())
})

clientAndServer()

test.for(rows)('$name: $command', async ({ name, command }) => {
  await lab.cable(client, server)
  const { stdout } = server.spawn(process.execPath, [join(SERVERS, `${name}.mjs`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  expect(String((await once(stdout!, 'data'))[0])).toBe('ready\n')
  const cwd = testDirectory()
  // Debian's Python has the libraries, and another Python may be before it.
  const env = { ...process.env, PATH: `/usr/bin:${process.env.PATH}` }
  const result = await client.exec('sh', ['-c', command], { cwd, env })
  expect(result).toMatchObject({ status: 0, signal: null })
  const files = readdirSync(cwd).map(file => readFileSync(join(cwd, file), 'latin1'))
  expect([result.stdout, ...files].join('')).toContain(CLIENTS[name])
})

test('ruby: the end of a client of examples/warm is reported', () => reportsEachEnd('ruby'))
