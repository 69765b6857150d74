/** Keeps the event loop busy. */
export function spin(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until) {}
}
