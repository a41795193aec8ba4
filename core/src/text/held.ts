/** A queue of text pieces: added whole, taken by length. Each character is handled once, however long it waits. */
export class HeldText {
  #pieces: string[] = [];
  #first = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(text: string): void {
    if (text === '') return;
    this.#pieces.push(text);
    this.#length += text.length;
  }

  /** The first `length` UTF-16 units, or all there is. */
  take(length: number): string {
    let wanted = Math.min(length, this.#length);
    this.#length -= wanted;
    let taken = '';
    while (wanted > 0) {
      const piece = this.#pieces[this.#first] ?? '';
      if (piece.length <= wanted) {
        taken += piece;
        wanted -= piece.length;
        this.#first += 1;
      } else {
        taken += piece.slice(0, wanted);
        this.#pieces[this.#first] = piece.slice(wanted);
        wanted = 0;
      }
    }
    if (this.#first * 2 > this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#first);
      this.#first = 0;
    }
    return taken;
  }
}
