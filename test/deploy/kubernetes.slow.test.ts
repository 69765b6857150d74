/** The installer of the CNI plugin on the nodes of a cluster. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
const [bin, conf] = [join(directory, 'bin'), join(directory, 'net.d')]
const LIST = { cniVersion: '1.0.0', name: 'cluster', plugins: [{ type: 'bridge' }, { type: 'portmap' }] }

beforeEach(() => {
  mkdirSync(bin)
  mkdirSync(conf)
})

function install(...options: string[]) {
  const args = ['deploy/kubernetes/install.mjs', bin, conf, ...options]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, stdout, stderr }
}
const add = (name: string, content: object) => writeFileSync(join(conf, name), JSON.stringify(content), { mode: 0o600 })
const read = (name: string) => JSON.parse(readFileSync(join(conf, name), 'utf8'))

describe('install.mjs', () => {
  test('install.mjs appends the plugin to the list that the runtime uses, and copies it', () => {
    add('20-other.conflist', LIST)
    add('10-cluster.conflist', LIST)
    expect(install()).toEqual({ status: 0, stdout: 'vnet-cni is in 10-cluster.conflist\n', stderr: '' })
    const entry = { type: 'vnet-cni', capabilities: { 'io.kubernetes.cri.pod-annotations': true } }
    expect(read('10-cluster.conflist')).toEqual({ ...LIST, plugins: [...LIST.plugins, entry] })
    expect(read('20-other.conflist')).toEqual(LIST)
    expect(statSync(join(conf, '10-cluster.conflist')).mode & 0o777).toBe(0o600)
    expect(statSync(join(bin, 'vnet-cni')).mode & 0o777).toBe(0o755)
  })

  test('install.mjs changes nothing when it is run again', () => {
    add('10-cluster.conflist', LIST)
    install()
    const before = readFileSync(join(conf, '10-cluster.conflist'), 'utf8')
    expect(install().status).toBe(0)
    expect(readFileSync(join(conf, '10-cluster.conflist'), 'utf8')).toBe(before)
    expect([...readdirSync(bin), ...readdirSync(conf)]).toEqual(['vnet-cni', '10-cluster.conflist'])
  })

  test('--uninstall leaves the list as it was', () => {
    add('10-cluster.conflist', LIST)
    install()
    expect(install('--uninstall').status).toBe(0)
    expect([read('10-cluster.conflist'), readdirSync(bin)]).toEqual([LIST, []])
    expect(install('--uninstall').status).toBe(0)
  })

  test.each([
    [undefined, {}, 'has no network yet'],
    ['10-cluster.conf', { type: 'bridge' }, '10-cluster.conf is one plugin'],
    ['10-cluster.conflist', { name: 'x' }, '10-cluster.conflist has no plugins'],
  ])('install.mjs with %s containing %j is refused in one line, and installs nothing', (name, content, why) => {
    if (name !== undefined) add(name, content)
    const { status, stderr } = install()
    expect([status, stderr.trimEnd().split('\n')]).toEqual([1, [expect.stringContaining(why)]])
    expect(readdirSync(bin)).toEqual([])
  })
})

test('the daemon sees the network namespaces that runtimes name later', () => {
  const documents = parseAllDocuments(readFileSync('deploy/kubernetes/daemonset.yaml', 'utf8'))
  const { containers } = documents.map(document => document.toJS()).find(({ kind }) => kind === 'DaemonSet').spec
    .template.spec
  expect(containers[0].volumeMounts).toContainEqual({
    name: 'netns',
    mountPath: '/run/netns',
    mountPropagation: 'HostToContainer',
  })
})

test.each(['kubernetes/daemonset.yaml', 'docker/compose.yaml'])('deploy/%s is YAML without mistakes', file => {
  const documents = parseAllDocuments(readFileSync(join('deploy', file), 'utf8'))
  expect(Array.isArray(documents) && documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([])
})
