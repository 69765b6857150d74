/**
 * The manifests of deploy/kubernetes. The types of kubernetes-types, generated from the OpenAPI
 * schema of Kubernetes 1.30, find unknown fields and values of another type. What the schema leaves
 * open is tested here: the references between the parts, and the rights.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { testDirectory } from '#support/fresh-directory.ts'

const FILES = ['daemonset.yaml', 'uninstall.yaml']

function documentsOf(file: string) {
  const documents = parseAllDocuments(readFileSync(join('deploy/kubernetes', file), 'utf8'))
  return documents.map(document => document.toJS())
}

const specOf = (file: string) => documentsOf(file).find(({ kind }) => kind === 'DaemonSet').spec
const containersOf = (file: string) => {
  const { initContainers, containers } = specOf(file).template.spec
  return [...initContainers, ...containers]
}

/** Returns what the compiler says about documents as literals of their types. */
function problems(documents: readonly { apiVersion: string; kind: string }[]): string {
  const lines = documents.map((document, i) => {
    const group =
      document.apiVersion === 'v1'
        ? 'core/v1'
        : document.apiVersion.replace('.authorization.k8s.io', '')
    const module = join(process.cwd(), 'node_modules/kubernetes-types', group)
    return `export const d${i}: import(${JSON.stringify(module)}).${document.kind} = ${JSON.stringify(document)}`
  })
  const file = join(testDirectory(), 'manifest.ts')
  writeFileSync(file, lines.join('\n'))
  const options = [
    '--noEmit',
    '--strict',
    '--ignoreConfig',
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
  ]
  const compiler = join(process.cwd(), 'node_modules/typescript/bin/tsc')
  return spawnSync(process.execPath, [compiler, ...options, file], { encoding: 'utf8' }).stdout
}

describe('the schema', () => {
  test.each(FILES)('%s has only fields that Kubernetes knows, with values of their types', file => {
    expect(problems(documentsOf(file))).toBe('')
  })

  test.each([
    ['volumeMounts', [{ name: 'run', mountPathh: '/run' }], 'mountPathh'],
    ['livenessProbe', { exec: { command: 'true' } }, 'string[]'],
    ['imagePullPolicy', true, 'boolean'],
  ])('a wrong %s is found', (field, value, named) => {
    const [document] = documentsOf('uninstall.yaml')
    document.spec.template.spec.containers[0][field] = value
    expect(problems([document])).toContain(named)
  })
})

describe.each(FILES)('%s', file => {
  test('selects its own pods, and mounts each of its volumes and no other', () => {
    const { selector, template } = specOf(file)
    expect(template.metadata.labels).toMatchObject(selector.matchLabels)
    const mounted = containersOf(file).flatMap(({ volumeMounts = [] }) =>
      volumeMounts.map(({ name }: Named) => name),
    )
    expect([...new Set(mounted)].toSorted()).toEqual(
      template.spec.volumes.map(({ name }: Named) => name).toSorted(),
    )
  })

  test('names one image by its digest in all containers, at marked places, with a pull policy and resources', () => {
    const containers = containersOf(file)
    expect(new Set(containers.map(({ image }) => image)).size).toBe(1)
    for (const { image, imagePullPolicy, resources } of containers) {
      expect(image).toMatch(/^vnet@sha256:0{64}$/)
      expect([imagePullPolicy, resources.requests.memory, resources.limits.memory]).not.toContain(
        undefined,
      )
      expect(imagePullPolicy).toBe('IfNotPresent')
    }
    expect(readFileSync(join('deploy/kubernetes', file), 'utf8')).toMatch(
      /# CHANGE: the image[^\n]*\n +image: /,
    )
  })

  test('no container is privileged, and each gives up all capabilities but those that it names', () => {
    const added = containersOf(file).map(
      ({ name, securityContext: { privileged, capabilities } }) => {
        expect([privileged, capabilities.drop]).toEqual([undefined, ['ALL']])
        return [name, capabilities.add ?? []]
      },
    )
    expect(added.filter(([, add]) => add.length > 0)).toEqual(
      file === 'daemonset.yaml' ? [['node', ['NET_ADMIN', 'SYS_ADMIN', 'SYS_PTRACE']]] : [],
    )
  })

  test('what it runs is in the image', () => {
    for (const { command = [] } of containersOf(file)) {
      const script = command.find((word: string) => word.startsWith('/vnet/'))
      if (script !== undefined) {
        expect(existsSync(script.replace('/vnet/', ''))).toBe(true)
      }
    }
  })
})

interface Named {
  readonly name: string
}

test('both manifests are of one DaemonSet, so that one replaces the other, and have the same directories', () => {
  const [installed, removed] = FILES.map(file =>
    documentsOf(file).find(({ kind }) => kind === 'DaemonSet'),
  )
  expect([removed.metadata, removed.spec.selector]).toEqual([
    installed.metadata,
    installed.spec.selector,
  ])
  for (const volume of removed.spec.template.spec.volumes) {
    expect(installed.spec.template.spec.volumes).toContainEqual(volume)
  }
})

test('the DaemonSet runs only on Linux nodes with its label, and tolerates no taint', () => {
  const { nodeSelector, tolerations, priorityClassName } = specOf('daemonset.yaml').template.spec
  expect(nodeSelector).toEqual({ 'kubernetes.io/os': 'linux', 'vnet.dev/node': 'true' })
  expect([tolerations, priorityClassName]).toEqual([[], undefined])
})

test('only the daemon has a token, with which it may create Events and nothing else', () => {
  const documents = documentsOf('daemonset.yaml')
  const roles = documents.filter(({ kind }) => kind === 'ClusterRole')
  expect(roles.map(({ rules }) => rules)).toEqual([
    [{ apiGroups: [''], resources: ['events'], verbs: ['create'] }],
  ])
  const [binding, ...more] = documents.filter(({ kind }) => /Binding$/.test(kind))
  const { serviceAccountName: name, automountServiceAccountToken } =
    specOf('daemonset.yaml').template.spec
  expect([binding.roleRef.name, binding.subjects, more, automountServiceAccountToken]).toEqual([
    roles[0].metadata.name,
    [{ kind: 'ServiceAccount', name, namespace: 'vnet' }],
    [],
    false,
  ])
  const mounting = containersOf('daemonset.yaml').filter(({ volumeMounts }) =>
    volumeMounts.some(({ name }: Named) => name === 'account'),
  )
  expect(mounting.map(({ name }: Named) => name)).toEqual(['node'])
})

test('the container of the daemon has a startup, a liveness and a readiness probe', () => {
  const node = containersOf('daemonset.yaml').find(({ name }) => name === 'node')
  // The plugin waits for 10 s.
  for (const { timeoutSeconds } of [node.startupProbe, node.livenessProbe]) {
    expect(timeoutSeconds).toBeGreaterThan(10)
  }
  expect(node.readinessProbe.exec.command.at(-1)).toBe('--check')
})
