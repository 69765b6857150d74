/** packages/lab/docs/lab.md works: its file, its commands and its requests. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROGRAM } from '#support/vnet-process.ts'
import { parseLabFile } from '../../src/file/read.ts'
import { METHODS } from '../../src/file/requests.ts'
import { labSchema } from '../../src/file/schema.ts'

const page = readFileSync('packages/lab/docs/lab.md', 'utf8')
const blocks = (kind: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, text]) => text as string,
  )
const [net = ''] = blocks('yaml')

/** Runs a script beside the file of the page, where `vnet` is the program under test. */
function run(script: string, input = '') {
  const directory = mkdtempSync(join(tmpdir(), 'lab-page-'))
  writeFileSync(join(directory, 'net.yaml'), net)
  const vnet = `vnet() { '${process.execPath}' '${PROGRAM}' "$@"; }`
  const words = ['-ec', `${vnet}\n${script}`]
  const { status, stdout, stderr } = spawnSync('sh', words, {
    cwd: directory,
    input,
    encoding: 'utf8',
  })
  rmSync(directory, { recursive: true })
  return { status, stdout, stderr }
}

test('the commands of the page succeed with its file', () => {
  const [commands = ''] = blocks('sh')
  expect(commands.match(/^vnet lab /gm)).toHaveLength(5)
  const { status, stdout, stderr } = run(commands)
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringContaining('"GET / HTTP/1.1" 200'),
  })
  expect(stdout).toMatch(/^net\.yaml: 2 hosts, 2 routers, 1 cable/m)
  expect(stdout).toMatch(/^flowchart LR$/m)
})

test('the requests of the page have results', () => {
  const [requests = ''] = blocks('json')
  const { status, stdout } = run(
    'mkfifo in; { cat; cat in; } | vnet lab --json net.yaml | (head -9; echo > in)',
    requests,
  )
  const [greeting, ...responses] = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(status).toBe(0)
  expect(greeting).toMatchObject({ event: 'ready', lab: 'net' })
  const ids = responses.map(({ id, result }) => [id, typeof result])
  expect(ids.sort()).toEqual(
    requests
      .trim()
      .split('\n')
      .map((_, i) => [i + 1, 'object']),
  )
})

test('the client in Python runs a command in a host', () => {
  const [client = ''] = blocks('python')
  const vnet = [process.execPath, PROGRAM].map(word => JSON.stringify(word)).join(', ')
  expect(client).toContain('["npx", "--no-install", "vnet", ')
  const { status, stdout } = run(
    `python3 - <<'END'\n${client.replace('"npx", "--no-install", "vnet"', vnet)}END\n`,
  )
  // The wire of the file may lose the ping.
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: expect.stringContaining('1 packets transmitted'),
  })
})

test('the page has every key of a file and every method', () => {
  for (const key of [...Object.keys(labSchema.properties ?? {}), ...Object.keys(METHODS)]) {
    if (key !== '$schema') {
      expect(page).toMatch(new RegExp(`^\\|.*\`${key}[\`:].*\\|`, 'm'))
    }
  }
})

test('the files of the page and of the examples are valid', () => {
  const examples = readdirSync('examples', { recursive: true, encoding: 'utf8' }).filter(
    name => name.endsWith('.yaml') && !name.includes('node_modules'),
  )
  const texts = [net, ...examples.map(name => readFileSync(join('examples', name), 'utf8'))]
  const labs = texts.filter(text => text.includes('lab.schema.json'))
  expect(labs.length).toBeGreaterThan(1)
  for (const text of labs) {
    expect(parseLabFile(text, 'net.yaml').topology.hosts).toContain('client')
  }
})
