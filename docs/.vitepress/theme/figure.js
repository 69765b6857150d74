/**
 * Returns a function like `mount`, of the picture of a running driver. Until the picture is closed,
 * the rings of the figure in the text have as many filled cells as the driver's rings have frames.
 */
export function withFigure(mount, text) {
  return (element, options) => {
    const picture = mount(element, options)
    const rings = [...text.querySelectorAll('.figure [data-part="ring"]')].map(ring => {
      const cells = [...ring.querySelectorAll('.cell')]
      return {
        name: ring.dataset.name,
        cells,
        drawn: cells.filter(cell => cell.matches('.filled')).length,
      }
    })
    const fill = ({ cells }, length) => {
      for (const [i, cell] of cells.entries()) {
        cell.classList.toggle('filled', i < length)
      }
    }
    return {
      ...picture,
      receive(message) {
        picture.receive(message)
        if (message.type !== 'parts') return
        for (const ring of rings) {
          const part = message.parts.find(({ kind, name }) => kind === 'ring' && name === ring.name)
          if (part !== undefined) {
            fill(ring, part.length)
          }
        }
      },
      close() {
        for (const ring of rings) {
          fill(ring, ring.drawn)
        }
        picture.close()
      },
    }
  }
}
