// sharp, that is libvips: a line {"input", "output", "filter"} in, file to file. The argument is the
// number of libvips's threads.
import sharp from "sharp";
import { serve } from "./rival.mjs";

sharp.cache(false); // each turn decodes anew
sharp.concurrency(Number(process.argv[2]));

const filters = {
  grayscale: (image) => image.grayscale().toColourspace("b-w"),
  gaussian_blur: (image) => image.blur(2),
  // One of Sobel's two kernels: a convolution gives no square root of two squares.
  sobel: (image) => image.grayscale().convolve({ width: 3, height: 3, scale: 1,
    kernel: [-1, 0, 1, -2, 0, 2, -1, 0, 1] }).toColourspace("b-w"),
};

await serve(async (line) => {
  const { input, output, filter } = JSON.parse(line);
  const start = process.hrtime.bigint();
  const { size } = await filters[filter](sharp(input)).png({ compressionLevel: 1 }).toFile(output);
  return { values: { whole: Number(process.hrtime.bigint() - start) / 1e6 }, output_bytes: size };
});
