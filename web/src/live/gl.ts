// The few things that all our WebGL2 drawing needs.

export const CONTEXT: WebGLContextAttributes = {
  alpha: true,
  antialias: false,
  depth: false,
  stencil: false,
  premultipliedAlpha: true,
  preserveDrawingBuffer: false,
};

/** A program from its two shaders; throws with the compiler's words. */
export function program(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const made = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) throw new Error('no shader can be made');
    gl.shaderSource(shader, `#version 300 es\nprecision highp float;\nprecision highp int;\n${source}`);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) {
    const shaders = gl.getAttachedShaders(made) ?? [];
    const said = shaders.map((shader) => gl.getShaderInfoLog(shader) ?? '').join('\n');
    throw new Error(`a shader does not compile: ${said}${gl.getProgramInfoLog(made) ?? ''}`);
  }
  return made;
}

/** Where the uniforms of a program are, asked for once each. */
export function uniforms(gl: WebGL2RenderingContext, of: WebGLProgram): (name: string) => WebGLUniformLocation | null {
  const known = new Map<string, WebGLUniformLocation | null>();
  return (name) => {
    let found = known.get(name);
    if (found === undefined) {
      found = gl.getUniformLocation(of, name);
      known.set(name, found);
    }
    return found;
  };
}

/** Fits the canvas to its box; whether it changed. */
export function fit(canvas: HTMLCanvasElement, width: number, height: number, ratio: number): boolean {
  const w = Math.max(1, Math.round(width * ratio));
  const h = Math.max(1, Math.round(height * ratio));
  if (canvas.width === w && canvas.height === h) return false;
  canvas.width = w;
  canvas.height = h;
  return true;
}

/** Whether the graphics card is emulated by the processor, as far as the browser tells. */
export function emulated(canvas: HTMLCanvasElement): boolean {
  const gl = canvas.getContext('webgl2');
  const info = gl?.getExtension('WEBGL_debug_renderer_info');
  const name = gl ? String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER)) : '';
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}
