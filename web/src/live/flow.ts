// How roads flow: a canvas of its own between the map and the vehicles, drawn anew once a second at most and when the map is moved.
//
// Colouring the map's own lines would repaint the whole map each second, which in software costs a third of that second.

import { rgb, type Palette } from './classes';
import type { Look } from './geo';
import { CONTEXT, fit, program, uniforms } from './gl';
import { seen, type Roads } from './roads';

/** What roads are coloured by. */
export type FlowMode = 'colour' | 'pattern' | 'off';

/** Width of a lane [m]. */
const LANE = 3.2;
/** Nobody drives there. */
const EMPTY = 255;

export interface Flow {
  roads(roads: Roads): void;
  values(flow: Uint8Array): void;
  theme(palette: Palette): void;
  resize(width: number, height: number, ratio: number): void;
  draw(look: Look, mode: FlowMode): void;
  destroy(): void;
}

/** Half the width at which a road of a rank is drawn at least [CSS px]; wider the closer one looks. */
export function leastHalf(rank: number, zoom: number): number {
  const near = Math.min(1, Math.max(0, (zoom - 11) / 5));
  return (0.55 + rank * 0.22) * (0.7 + 1.1 * near);
}

const DRAW = `
layout(location = 0) in vec2 a_at;
layout(location = 1) in vec2 a_right;
layout(location = 2) in vec4 a_road;
uniform vec3 u_look;
uniform vec2 u_view;
uniform float u_metre;
uniform float u_near;
uniform float u_hand;
uniform vec3 u_ramp[5];
uniform highp usampler2D u_flow;
out vec3 v_colour;
flat out float v_ratio;
out float v_along;
out float v_side;
flat out float v_half;
void main() {
  int road = int(a_road.x);
  uint value = texelFetch(u_flow, ivec2(road & 1023, road >> 10), 0).r;
  float ratio = min(float(value) / 200.0, 1.0);
  float own = a_road.y * u_metre;
  float half_width = max(own * 0.62, (0.55 + a_road.z * 0.22) * u_near);
  // The slower, the wider: to be seen without colours too.
  half_width *= 1.0 + 0.75 * smoothstep(0.55, 0.1, ratio);
  float side = (gl_VertexID & 1) == 0 ? -1.0 : 1.0;
  float aside = max(0.0, half_width - own) * u_hand;
  // Half a pixel more on both sides, over which the edge fades.
  float reach = half_width + 0.5;
  v_side = side * reach;
  v_half = half_width;
  vec2 px = a_at * u_look.x + u_look.yz + a_right * (side * reach + aside);
  gl_Position = value == 255u ? vec4(2.0, 2.0, 0.0, 1.0) : vec4(px.x / u_view.x * 2.0 - 1.0, 1.0 - px.y / u_view.y * 2.0, 0.0, 1.0);
  float step_at = (1.0 - ratio) * 4.4;
  int k = int(clamp(floor(step_at), 0.0, 3.0));
  v_colour = mix(u_ramp[k], u_ramp[k + 1], clamp(step_at - float(k), 0.0, 1.0));
  v_ratio = ratio;
  v_along = a_road.w * u_look.x;
}`;

const PAINT = `
in vec3 v_colour;
flat in float v_ratio;
in float v_along;
in float v_side;
flat in float v_half;
uniform int u_pattern;
uniform float u_alpha;
out vec4 o_colour;
void main() {
  if (u_pattern == 1 && v_ratio < 0.6) {
    float period = v_ratio < 0.25 ? 5.0 : v_ratio < 0.42 ? 10.0 : 18.0;
    if (mod(v_along, period) > period * 0.58) discard;
  }
  float a = u_alpha * clamp(v_half + 0.5 - abs(v_side), 0.0, 1.0);
  o_colour = vec4(v_colour * a, a);
}`;

export class GlFlow implements Flow {
  readonly #gl: WebGL2RenderingContext;
  #program!: WebGLProgram;
  #of!: (name: string) => WebGLUniformLocation | null;
  #array: WebGLVertexArrayObject | null = null;
  #texture: WebGLTexture | null = null;
  #indices = 0;
  #count = 0;
  #roads: Roads | null = null;
  #flow: Uint8Array | null = null;
  #width = 1;
  #height = 1;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private palette: Palette,
    private readonly hand: number,
  ) {
    const gl = canvas.getContext('webgl2', CONTEXT);
    if (!gl) throw new Error('there is no WebGL2');
    this.#gl = gl;
    canvas.addEventListener('webglcontextlost', this.#lost);
    canvas.addEventListener('webglcontextrestored', this.#back);
    this.#make();
  }

  #lost = (event: Event): void => event.preventDefault();

  #back = (): void => {
    this.#make();
    if (this.#roads) this.roads(this.#roads);
    if (this.#flow) this.values(this.#flow);
  };

  #make(): void {
    this.#program = program(this.#gl, DRAW, PAINT);
    this.#of = uniforms(this.#gl, this.#program);
    this.#array = null;
    this.#texture = null;
    this.#indices = 0;
  }

  roads(roads: Roads): void {
    const gl = this.#gl;
    this.#roads = roads;
    this.#count = roads.list.length;
    let corners = 0;
    for (const road of roads.list) corners += road.line.length / 2;
    const data = new Float32Array(corners * 2 * 8);
    const indices = new Uint32Array(Math.max(0, corners - roads.list.length) * 6);
    let v = 0;
    let n = 0;
    // The less important first, so that the more important lie on top.
    for (const road of [...roads.list].sort((a, b) => a.rank - b.rank)) {
      const { line } = road;
      const last = line.length / 2 - 1;
      let along = 0;
      for (let k = 0; k <= last; k += 1) {
        const [rx, ry] = rightAt(line, k, last);
        if (k > 0) along += Math.hypot(line[2 * k]! - line[2 * k - 2]!, line[2 * k + 1]! - line[2 * k - 1]!);
        for (let side = 0; side < 2; side += 1) {
          data.set([line[2 * k]!, line[2 * k + 1]!, rx, ry, road.i, (road.lanes * LANE) / 2, road.rank, along], (v + side) * 8);
        }
        if (k < last) {
          indices.set([v, v + 1, v + 2, v + 2, v + 1, v + 3], n);
          n += 6;
        }
        v += 2;
      }
    }
    this.#indices = indices.length;
    this.#array = gl.createVertexArray();
    gl.bindVertexArray(this.#array);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    [2, 2, 4].forEach((size, k) => {
      gl.enableVertexAttribArray(k);
      gl.vertexAttribPointer(k, size, gl.FLOAT, false, 32, [0, 8, 16][k]!);
    });
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STATIC_DRAW);
    gl.bindVertexArray(null);
    this.#texture = gl.createTexture();
    this.values(this.#flow ?? new Uint8Array(this.#count).fill(EMPTY));
  }

  values(flow: Uint8Array): void {
    const gl = this.#gl;
    this.#flow = flow;
    if (!this.#texture) return;
    const height = Math.max(1, Math.ceil(Math.max(this.#count, flow.length) / 1024));
    const texels = new Uint8Array(1024 * height).fill(EMPTY);
    texels.set(flow);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8UI, 1024, height, 0, gl.RED_INTEGER, gl.UNSIGNED_BYTE, texels);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  theme(palette: Palette): void {
    this.palette = palette;
  }

  resize(width: number, height: number, ratio: number): void {
    this.#width = width;
    this.#height = height;
    fit(this.canvas, width, height, ratio);
  }

  draw(look: Look, mode: FlowMode): void {
    const gl = this.#gl;
    if (gl.isContextLost()) return;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (mode === 'off' || !this.#array || this.#indices === 0) return;
    gl.useProgram(this.#program);
    const of = this.#of;
    gl.uniform3f(of('u_look'), look.scale, look.left, look.top);
    gl.uniform2f(of('u_view'), this.#width, this.#height);
    gl.uniform1f(of('u_metre'), look.metre);
    gl.uniform1f(of('u_near'), leastHalf(0, look.zoom) / 0.55);
    gl.uniform1f(of('u_hand'), this.hand);
    gl.uniform3fv(of('u_ramp[0]'), new Float32Array(this.palette.flow.flatMap(rgb)));
    gl.uniform1i(of('u_flow'), 0);
    gl.uniform1i(of('u_pattern'), mode === 'pattern' ? 1 : 0);
    gl.uniform1f(of('u_alpha'), look.zoom > 16 ? 0.75 : 0.95);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindVertexArray(this.#array);
    gl.drawElements(gl.TRIANGLES, this.#indices, gl.UNSIGNED_INT, 0);
    gl.bindVertexArray(null);
  }

  destroy(): void {
    this.canvas.removeEventListener('webglcontextlost', this.#lost);
    this.canvas.removeEventListener('webglcontextrestored', this.#back);
    this.#gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}

/** To the right of a line at its corner `k`, longer in bends so that both sides stay parallel; at most twice as long. */
export function rightAt(line: Float64Array, k: number, last: number): [number, number] {
  const unit = (a: number, b: number): [number, number] => {
    const dx = line[2 * b]! - line[2 * a]!;
    const dy = line[2 * b + 1]! - line[2 * a + 1]!;
    const d = Math.hypot(dx, dy) || 1;
    return [-dy / d, dx / d];
  };
  const before = k > 0 ? unit(k - 1, k) : unit(0, Math.min(1, last));
  const after = k < last ? unit(k, k + 1) : before;
  const x = before[0] + after[0];
  const y = before[1] + after[1];
  const d2 = x * x + y * y;
  if (d2 < 1e-6) return after;
  const grow = Math.min(2 / d2, 2 / Math.sqrt(d2));
  return [x * grow, y * grow];
}

/** The same without WebGL2. */
export class FlatFlow implements Flow {
  readonly #context: CanvasRenderingContext2D;
  #roads: Roads | null = null;
  #flow: Uint8Array | null = null;
  #ratio = 1;
  #width = 1;
  #height = 1;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private palette: Palette,
    private readonly hand: number,
  ) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('there is no canvas');
    this.#context = context;
  }

  roads(roads: Roads): void {
    this.#roads = roads;
  }

  values(flow: Uint8Array): void {
    this.#flow = flow;
  }

  theme(palette: Palette): void {
    this.palette = palette;
  }

  resize(width: number, height: number, ratio: number): void {
    this.#width = width;
    this.#height = height;
    this.#ratio = ratio;
    fit(this.canvas, width, height, ratio);
  }

  draw(look: Look, mode: FlowMode): void {
    const c = this.#context;
    c.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    c.clearRect(0, 0, this.#width, this.#height);
    const flow = this.#flow;
    if (mode === 'off' || !this.#roads || !flow) return;
    // One path for each step of the ramp and rank.
    const paths = new Map<number, Path2D>();
    for (const road of this.#roads.list) {
      const value = flow[road.i] ?? EMPTY;
      if (value === EMPTY || !seen(road, look, 40)) continue;
      const step = Math.min(4, Math.floor((1 - value / 200) * 5));
      const key = step * 8 + road.rank;
      let path = paths.get(key);
      if (!path) paths.set(key, (path = new Path2D()));
      const aside = Math.max(0, leastHalf(road.rank, look.zoom) - (road.lanes * LANE * look.metre) / 2) * this.hand;
      const last = road.line.length / 2 - 1;
      for (let k = 0; k <= last; k += 1) {
        const [rx, ry] = rightAt(road.line, k, last);
        const x = road.line[2 * k]! * look.scale + look.left + rx * aside;
        const y = road.line[2 * k + 1]! * look.scale + look.top + ry * aside;
        if (k === 0) path.moveTo(x, y);
        else path.lineTo(x, y);
      }
    }
    for (const key of [...paths.keys()].sort((a, b) => (a & 7) - (b & 7))) {
      const step = key >> 3;
      c.strokeStyle = this.palette.flow[step]!;
      c.lineWidth = Math.max(2 * leastHalf(key & 7, look.zoom), LANE * look.metre) * (1 + step * 0.15);
      c.setLineDash(mode === 'pattern' && step >= 2 ? ([[], [], [10, 8], [6, 4], [3, 2]][step] ?? []) : []);
      c.stroke(paths.get(key)!);
    }
    c.setLineDash([]);
  }

  destroy(): void {
    this.#context.clearRect(0, 0, this.#width, this.#height);
  }
}
