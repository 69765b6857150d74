/** The CNI plugin as a runtime starts it. */
import { spawn } from 'node:child_process'
import { builtFile } from '#src/linux/native.ts'

/** The output of the CNI plugin. */
export interface Printed {
  readonly status: number | null
  readonly stdout: string
}

/** Runs the CNI plugin with the variables, given without CNI_, and with the configuration. */
export function runPlugin(
  variables: Readonly<Record<string, string>>,
  config: object | string,
): Promise<Printed> {
  const prefixed = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`CNI_${name}`, value]),
  )
  const { PATH, VNET_NODE_SOCKET } = process.env
  const child = spawn(builtFile('vnet-cni', 'the CNI plugin'), {
    env: { PATH, VNET_NODE_SOCKET, ...prefixed },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stdin.end(typeof config === 'string' ? config : JSON.stringify(config))
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', status => resolve({ status, stdout }))
  })
}
