/** Whether the program runs here. Imports nothing, so that an old Node gets as far as this. */

/** Why not, in a line that says what to do; undefined when it does. `version` is Node's, as '20.19.0'. */
export function unsupported(platform: string, version: string): string | undefined {
  const [major, minor] = version.split('.').map(Number)
  if (platform !== 'linux') return `vnet: its interfaces are Linux's, and this is ${platform}: run it on Linux`
  if (major < 20 || (major === 20 && minor < 19)) return `vnet: Node 20.19 or newer is needed, and this is ${version}`
  return undefined
}
