/** The examples of docs/choose.md run, and the others are on the pages that they lead to. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { script } from '#support/ordinary-user.ts'
import { startVnet } from '#support/vnet-process.ts'

const page = readFileSync('docs/choose.md', 'utf8')
const { near } = freshQuietNamespaces('near')

/** The lines of the example under a heading. */
function example(heading: string): readonly string[] {
  const [, text = ''] =
    new RegExp(`^## ${heading}\\n\\n\`\`\`\\w+\\n(.*?)\`\`\``, 'ms').exec(page) ?? []
  return text.trim().split('\n')
}

/** Runs shell commands as an ordinary user, in a directory with net.yaml. */
const output = (...lines: readonly string[]) =>
  script(`
    mkdir -p /tmp/choose.$$ && root=$PWD && cd /tmp/choose.$$ && export HOME=$PWD
    export PATH=$PATH:${process.execPath.replace(/\/node$/, '')}
    vnet() { '${process.execPath}' "$root/dist/vnet.js" "$@"; }
    echo '{ hosts: [client, server], cables: { link: { ends: [client, server] } } }' > net.yaml
    ${lines.join('\n')}
    rm -r /tmp/choose.$$`)

test('every way has an example', () => {
  const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading = '']) => heading)
  expect(headings).toHaveLength(8)
  for (const heading of headings) {
    expect(example(heading), heading).not.toEqual([''])
  }
})

test('vnet run installs a package without dependencies', () => {
  const [line = ''] = example('vnet run')
  expect(output("echo '{}' > package.json", line.replace(' -- ', ' --no-internet -- '))).toContain(
    'up to date',
  )
})

test('a lab from a file runs its command, and explore tries every packet of it', () => {
  const lines = output(...example('A lab file'), ...example('Explore'))
  expect(lines).toContain('2 packets transmitted, 2 received')
  expect(lines).toMatch(/icmp client > server/)
})

test('snull and cable start and end', () => {
  const lines = example('snull and cable')
  expect(lines).toHaveLength(2)
  const runs = lines.map(
    line => `
    mkfifo ready
    ${line.replace('vnet', `'${process.execPath}' "$root/dist/vnet.js"`)} > ready &
    while read -r line; do [ "$line" = ready ] && break; done < ready
    echo "$line"; kill -INT $!; wait $!; rm ready`,
  )
  expect(output(...runs)).toBe('ready\nready\n')
})

test('an attachment to an interface starts', async () => {
  near.ip('link add eth0 type veth peer name other', 'link set eth0 up')
  const words =
    example('Attach')[0]
      ?.match(/'[^']*'|\S+/g)
      ?.map(word => word.replaceAll("'", '')) ?? []
  expect(words.slice(0, 4)).toEqual(['sudo', 'vnet', 'attach', 'eth0'])
  const vnet = await startVnet(['attach', `${near.name}/eth0`, ...words.slice(4), '--json'])
  expect(vnet.interfaces()).toEqual([expect.objectContaining({ name: 'eth0' })])
})

test.each([
  ['A lab in a test', 'packages/lab/docs/testing.md'],
  ['In memory', 'packages/lab/docs/memory.md'],
  ['A guest', 'packages/guest/docs/virtual-time.md'],
])('the example of "%s" is on %s', (heading, path) => {
  expect(readFileSync(path, 'utf8')).toContain(example(heading).join('\n'))
})
