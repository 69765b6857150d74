/** The commands of examples/servers/README.md: clients of Debian succeed with each server. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { page } from '../../../../examples/servers/http.mjs'
import { mails } from '../../../../examples/servers/pop3.mjs'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

const SERVERS = fileURLToPath(new URL('../../../../examples/servers/', import.meta.url))

/** By server: the check that a client is installed, and a text that it prints or keeps. */
const CLIENTS: Record<string, readonly [check: string, output: string]> = {
  http: ['command -v wget', page],
  websocket: ["python3 -c 'import websockets'", '< hello'],
  redis: ['command -v redis-cli', 'OK'],
  smtp: ['command -v curl', ''],
  pop3: ['command -v curl', mails[0]!],
  imap: ['command -v curl', mails[0]!],
  ftp: ['command -v wget', page],
  postgresql: ['command -v psql', 'PostgreSQL 15.0'],
  mysql: ['command -v mysql', '8.0.0'],
  amqp: ['command -v amqp-publish', ''],
  mqtt: ['command -v mosquitto_pub', ''],
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

test.for(rows)('$name: $command', async ({ name, command }, { skip }) => {
  const [check, output] = CLIENTS[name]!
  skip(spawnSync('sh', ['-c', check]).status !== 0, `not installed: ${check}`)
  await lab.cable(client, server)
  const { stdout } = server.spawn(process.execPath, [join(SERVERS, `${name}.mjs`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  expect(String((await once(stdout!, 'data'))[0])).toBe('ready\n')
  const cwd = testDirectory()
  const result = await client.exec('sh', ['-c', command], { cwd })
  expect(result).toMatchObject({ status: 0, signal: null })
  const files = readdirSync(cwd).map(file => readFileSync(join(cwd, file), 'latin1'))
  expect([result.stdout, ...files].join('')).toContain(output)
})
