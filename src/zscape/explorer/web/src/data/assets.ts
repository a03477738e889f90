// The two files that the explorer needs, from a server, from the page itself or from Python.

/** Return the bytes of a file beside the page. */
export async function fetched(name: string): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(name);
  } catch {
    throw new Error("zscape explore no longer runs; start it again");
  }
  if (!response.ok) throw new Error(`the server answers ${response.status} for ${name}`);
  return response.arrayBuffer();
}

/** Return what gzipped bytes hold. */
export function unzipped(bytes: BufferSource): Promise<ArrayBuffer> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Return the bytes of a gzipped file that is part of the page, in base 64. */
export function inlined(name: string): Promise<ArrayBuffer> {
  const element = document.getElementById(`zscape-${name}`);
  if (!element) throw new Error(`${name} is missing in this page`);
  const text = atob((element.textContent ?? "").trim());
  element.remove(); // megabytes of text that are not needed twice
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return unzipped(bytes);
}
