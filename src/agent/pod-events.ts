/**
 * Events of Kubernetes for the mistakes of pods, which `kubectl describe pod` and `kubectl get
 * events` show. They are sent if the pod of the daemon has a service account.
 */
import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Log, printable } from '../base/index.ts'
import type { Pod } from './mistakes.ts'

/** Where Kubernetes mounts the token and the certificate of a service account. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
/** Milliseconds in which the API must reply. */
const TIMEOUT_MS = 5000
/** Events that wait for the API at most; later ones are dropped, and only the log has them. */
const WAITING_MAX = 100
/** Characters of a message, a limit of the API. */
const MESSAGE_MAX = 1024

export interface Cluster {
  readonly host: string
  readonly port: string
  /** The directory of the service account. Its token changes while the daemon runs. */
  readonly account: string
}

/** Returns the API of the cluster; undefined without a service account. */
export function clusterOf(env: NodeJS.ProcessEnv, account = ACCOUNT): Cluster | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env
  return host && existsSync(join(account, 'token')) ? { host, port, account } : undefined
}

export class PodEvents {
  readonly #cluster: Cluster
  readonly #log: Log
  #turn: Promise<void> = Promise.resolve()
  #waiting = 0
  #problem = ''

  constructor(cluster: Cluster, log: Log) {
    this.#cluster = cluster
    this.#log = log
  }

  /** Sends an event of a pod, after the earlier ones. Why one fails is logged, once. */
  send(owner: Pod, message: string): Promise<void> {
    if (this.#waiting >= WAITING_MAX) return this.#turn
    this.#waiting++
    this.#turn = this.#turn
      .then(() => post(this.#cluster, owner, message))
      .then(
        () => '',
        (error: Error) => error.message,
      )
      .then(problem => {
        this.#waiting--
        if (problem !== '' && problem !== this.#problem) {
          this.#log.warn(printable(`no Event of pod ${owner.namespace}/${owner.pod}: ${problem}`))
        }
        this.#problem = problem
      })
    return this.#turn
  }
}

/** Rejects if the API does not take the event within its time. */
function post({ host, port, account }: Cluster, owner: Pod, message: string): Promise<void> {
  const { namespace = '' } = owner
  const body = JSON.stringify(eventOf(owner, message))
  const headers = {
    authorization: `Bearer ${readFileSync(join(account, 'token'), 'utf8').trim()}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`
  const ca = readFileSync(join(account, 'ca.crt'))
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  return new Promise((resolve, reject) => {
    const sent = request(
      { host, port, path, method: 'POST', headers, ca, signal, agent: false },
      response => {
        const { statusCode } = response.resume()
        if (statusCode === 201) {
          resolve()
        } else {
          reject(new Error(`the API replies with status ${statusCode}`))
        }
      },
    )
    // The daemon may end meanwhile.
    sent.on('socket', socket => socket.unref())
    sent
      .on('error', error => reject(signal.aborted ? new Error('the API does not reply') : error))
      .end(body)
  })
}

/** Returns an Event of core/v1. */
function eventOf({ namespace, pod = '', uid }: Pod, message: string) {
  const now = new Date().toISOString().replace(/\.\d+/, '')
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${pod}.`, namespace },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name: pod, uid },
    type: 'Warning',
    reason: 'NoWire',
    message: message.slice(0, MESSAGE_MAX),
    source: { component: 'vnet', host: hostname() },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
    reportingComponent: 'vnet.dev/node',
    reportingInstance: hostname(),
  }
}
