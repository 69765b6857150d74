/** The installer of the CNI plugin on the nodes of a cluster. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { VERSIONS } from '#src/agent/cni.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
const [bin, conf] = [join(directory, 'bin'), join(directory, 'net.d')]
const LIST = {
  cniVersion: '1.0.0',
  name: 'cluster',
  plugins: [{ type: 'bridge' }, { type: 'portmap' }],
}

/** As the networks of clusters write them: the names, the versions and the plugins. */
const PUBLISHED = {
  // flannel, also of k3s
  '10-flannel.conflist': {
    name: 'cbr0',
    cniVersion: '0.3.1',
    plugins: [
      { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  },
  // Calico
  '10-calico.conflist': {
    name: 'k8s-pod-network',
    cniVersion: '0.3.1',
    plugins: [
      {
        type: 'calico',
        datastore_type: 'kubernetes',
        ipam: { type: 'calico-ipam' },
        policy: { type: 'k8s' },
      },
      { type: 'portmap', snat: true, capabilities: { portMappings: true } },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ],
  },
  // Cilium
  '05-cilium.conflist': {
    cniVersion: '0.3.1',
    name: 'cilium',
    plugins: [
      { type: 'cilium-cni', 'enable-debug': false, 'log-file': '/var/run/cilium/cilium-cni.log' },
    ],
  },
  // kindnet, of kind
  '10-kindnet.conflist': {
    cniVersion: '0.3.1',
    name: 'kindnet',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: { type: 'host-local', ranges: [[{ subnet: '198.18.0.0/24' }]] },
        mtu: 1500,
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  },
  // AKS
  '10-azure.conflist': {
    cniVersion: '0.3.0',
    name: 'azure',
    plugins: [
      { type: 'azure-vnet', mode: 'transparent' },
      { type: 'portmap', snat: true },
    ],
  },
}

beforeEach(() => {
  mkdirSync(bin)
  mkdirSync(conf)
})

function install(...options: string[]) {
  const args = ['deploy/kubernetes/install.mjs', bin, conf, ...options]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, stdout, stderr }
}
const add = (name: string, content: object) =>
  writeFileSync(join(conf, name), JSON.stringify(content), { mode: 0o600 })
const read = (name: string) => JSON.parse(readFileSync(join(conf, name), 'utf8'))

describe('install.mjs', () => {
  test('install.mjs appends the plugin to the list that the runtime uses, and copies it', () => {
    add('20-other.conflist', LIST)
    add('10-cluster.conflist', LIST)
    expect(install()).toEqual({
      status: 0,
      stdout: 'vnet-cni is in 10-cluster.conflist\n',
      stderr: '',
    })
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

  test.each(Object.entries(PUBLISHED))(
    'install.mjs appends the plugin to the list that %s writes',
    (name, list) => {
      add(name, list)
      expect(install()).toMatchObject({ status: 0, stderr: '' })
      expect(read(name).plugins.map(({ type }: { type: string }) => type)).toEqual([
        ...list.plugins.map(({ type }) => type),
        'vnet-cni',
      ])
      expect(install('--check')).toEqual({ status: 0, stdout: '', stderr: '' })
      install('--uninstall')
      expect(read(name)).toEqual(list)
    },
  )

  test('install.mjs takes a list of each version that the plugin knows, and one without a version', () => {
    for (const cniVersion of [...VERSIONS, '', undefined]) {
      add('10-cluster.conflist', {
        ...LIST,
        cniVersion,
        cniVersions: cniVersion ? ['0.4.0', cniVersion] : undefined,
      })
      expect(install()).toMatchObject({ status: 0, stderr: '' })
    }
  })

  test.each([
    [{ cniVersion: '1.2.0' }, '"1.2.0"'],
    [{ cniVersion: '2' }, '"2"'],
    [{ cniVersion: 1 }, '1'],
    [{ cniVersion: '1.0.0', cniVersions: ['0.4.0', '9.9.9'] }, '"9.9.9"'],
  ])('install.mjs refuses a list with %j, and changes nothing', (versions, named) => {
    add('10-cluster.conflist', { ...LIST, ...versions })
    const why = `10-cluster.conflist has cniVersion ${named}: vnet-cni knows 0.1.0 to 1.1.0, and its pods would not start`
    expect(install()).toEqual({ status: 1, stdout: '', stderr: `install.mjs: ${why}\n` })
    expect([read('10-cluster.conflist'), readdirSync(bin)]).toEqual([{ ...LIST, ...versions }, []])
  })

  test('--check fails when the network has written its list again, and when the program is missing', () => {
    add('10-cluster.conflist', LIST)
    const again = 'restart the pod of vnet node'
    expect(install('--check').stderr).toBe(
      `install.mjs: 10-cluster.conflist does not name vnet-cni: ${again}, which adds it\n`,
    )
    install()
    expect(install('--check')).toEqual({ status: 0, stdout: '', stderr: '' })
    rmSync(join(bin, 'vnet-cni'))
    expect(install('--check').stderr).toBe(
      `install.mjs: ${join(bin, 'vnet-cni')} is missing: ${again}\n`,
    )
    // Another list comes first.
    install()
    add('05-other.conflist', LIST)
    expect(install('--check')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('05-other.conflist'),
    })
  })

  test('--uninstall takes the plugin out of all lists, also beside a list that is broken', () => {
    add('10-cluster.conflist', LIST)
    install()
    add('20-other.conflist', read('10-cluster.conflist'))
    writeFileSync(join(conf, '05-broken.conflist'), '{')
    expect(install('--uninstall').status).toBe(0)
    expect([read('10-cluster.conflist'), read('20-other.conflist'), readdirSync(bin)]).toEqual([
      LIST,
      LIST,
      [],
    ])
  })

  test.each([[['--unistall']], [['--check', '--uninstall']], [['']]])(
    'the options %j are refused',
    options => {
      add('10-cluster.conflist', LIST)
      const usage = 'usage: install.mjs BIN_DIRECTORY CONF_DIRECTORY [--check | --uninstall]\n'
      expect(install(...options)).toEqual({ status: 2, stdout: '', stderr: usage })
      expect(read('10-cluster.conflist')).toEqual(LIST)
    },
  )

  test.each([
    [undefined, {}, 'has no network yet'],
    ['10-cluster.conf', { type: 'bridge' }, '10-cluster.conf is one plugin'],
    ['10-cluster.conflist', { name: 'x' }, '10-cluster.conflist has no plugins'],
    ['00-multus.conf', { type: 'multus-shim' }, '00-multus.conf is of Multus, which'],
    [
      '00-multus.conflist',
      { plugins: [{ type: 'multus' }] },
      '00-multus.conflist is of Multus, which',
    ],
  ])(
    'install.mjs with %s containing %j is refused in one line, and installs nothing',
    (name, content, why) => {
      if (name !== undefined) {
        add(name, content)
      }
      const { status, stderr } = install()
      expect([status, stderr.trimEnd().split('\n')]).toEqual([1, [expect.stringContaining(why)]])
      expect(readdirSync(bin)).toEqual([])
    },
  )
})

test('the daemon sees the network namespaces that runtimes name later', () => {
  const documents = parseAllDocuments(readFileSync('deploy/kubernetes/daemonset.yaml', 'utf8'))
  const { containers } = documents
    .map(document => document.toJS())
    .find(({ kind }) => kind === 'DaemonSet').spec.template.spec
  expect(containers[0].volumeMounts).toContainEqual({
    name: 'netns',
    mountPath: '/run/netns',
    mountPropagation: 'HostToContainer',
  })
})

test.each(['kubernetes/daemonset.yaml', 'docker/compose.yaml'])(
  'deploy/%s is YAML without mistakes',
  file => {
    const documents = parseAllDocuments(readFileSync(join('deploy', file), 'utf8'))
    expect(
      Array.isArray(documents) &&
        documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]),
    ).toEqual([])
  },
)
