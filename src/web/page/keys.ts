/** Whether a key is a command of the page: not typed into a field, nor one of the browser's. */
export function isCommandKey({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  const isTyping = target instanceof Element && target.closest('input, textarea, select') !== null
  return !(isTyping || ctrlKey || metaKey || altKey)
}
