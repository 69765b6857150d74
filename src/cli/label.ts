/** How an interface is named on the command line: `red/eth0` when it is not in the program's own namespace. */
export function label({ name, netns }: { readonly name: string; readonly netns: string | undefined }): string {
  return netns === undefined ? name : `${netns}/${name}`
}

/** Whether `text` names it, with its namespace or without. */
export function isNamed(device: { readonly name: string; readonly netns: string | undefined }, text: string): boolean {
  return device.name === text || label(device) === text
}
