// Finds a WebGPU device: `navigator.gpu` in a browser, the package `webgpu` (Dawn) in Node.

export interface Device {
  readonly device: GPUDevice;
  /** Maker and model, for people. */
  readonly description: string;
  /** True where no GPU computes but the CPU in its stead (SwiftShader, llvmpipe, WARP). */
  readonly isSoftwareAdapter: boolean;
}

/** Dawn ends a device whose instance is collected, so the instance lives as long as the program. */
let dawn: GPU | undefined;

/** Throws naming what to install or to switch on where there is no WebGPU. */
async function entryPoint(): Promise<GPU> {
  if (typeof navigator !== 'undefined' && 'gpu' in navigator && navigator.gpu) return navigator.gpu;
  if (typeof process === 'undefined' || !process.versions?.node)
    throw new Error(
      'backend gpu:webgpu: this browser offers no WebGPU (navigator.gpu); use a browser that has it over HTTPS, or switch it on (Chromium: --enable-unsafe-webgpu)',
    );
  if (dawn) return dawn;
  try {
    const { create } = await import('webgpu');
    return (dawn = create([]));
  } catch (cause) {
    throw new Error(
      `backend gpu:webgpu: the package webgpu cannot be loaded (${String(cause instanceof Error ? cause.message : cause).split('\n')[0]}); install it: npm install webgpu@0.6.2`,
      { cause },
    );
  }
}

const software = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|warp|software/i;

/** Opens the best adapter with the largest buffers that it allows. */
export async function openDevice(): Promise<Device> {
  const gpu = await entryPoint();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw new Error(
      'backend gpu:webgpu: no adapter found; it needs a GPU with its Vulkan driver (libvulkan1 and the driver on Linux), or a software one: install chromium and set VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json',
    );
  const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
  const device = await adapter.requestDevice({ requiredLimits: { maxStorageBufferBindingSize, maxBufferSize } });
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const label = [vendor, architecture, description].filter(Boolean).join(' ') || 'unnamed adapter';
  return { device, description: label, isSoftwareAdapter: isFallbackAdapter || software.test(label) };
}
