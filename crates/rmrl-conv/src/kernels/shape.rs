//! The shape of a convolution.

/// A convolution with a square kernel, with the same zero padding on all sides.
///
/// Images are `[batch, height, width, channels]` (channels last), weights
/// `[channels_out, channels_in, kernel, kernel]`, as in PyTorch and burn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// The number of images.
    pub batch: usize,
    /// Rows of an input image.
    pub height: usize,
    /// Columns of an input image.
    pub width: usize,
    /// Channels of the input.
    pub channels_in: usize,
    /// Channels of the output.
    pub channels_out: usize,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Input pixels between neighboring output pixels.
    pub stride: usize,
    /// Rows and columns of zeros around the input.
    pub padding: usize,
}

impl ConvShape {
    /// Rows of an output image.
    ///
    /// # Panics
    /// The kernel is larger than the padded image, or the stride is zero.
    pub fn height_out(&self) -> usize {
        self.extent_out(self.height)
    }

    /// Columns of an output image.
    ///
    /// # Panics
    /// The kernel is larger than the padded image, or the stride is zero.
    pub fn width_out(&self) -> usize {
        self.extent_out(self.width)
    }

    fn extent_out(&self, extent: usize) -> usize {
        let padded = extent + 2 * self.padding;
        assert!(
            self.kernel >= 1 && self.kernel <= padded && self.stride >= 1,
            "a kernel of {} at stride {} does not fit {padded} padded pixels",
            self.kernel,
            self.stride
        );
        (padded - self.kernel) / self.stride + 1
    }

    /// Values of the input.
    pub fn input_len(&self) -> usize {
        self.batch * self.height * self.width * self.channels_in
    }

    /// Values of the output.
    pub fn output_len(&self) -> usize {
        self.batch * self.height_out() * self.width_out() * self.channels_out
    }

    /// Values of the weights.
    pub fn weight_len(&self) -> usize {
        self.channels_out * self.channels_in * self.kernel * self.kernel
    }

    /// Whether Winograd's algorithm computes this convolution. It needs 4/9 of the multiplications of a 3 x 3
    /// kernel at stride 1, but pays only if the transformed weights, 16/9 as many, are used for many pixels of
    /// an image. The decision ignores the batch, so an image's result does not depend on the images beside it.
    pub(crate) fn suits_winograd(&self) -> bool {
        let vectors = |channels: usize| channels >= 32 && channels.is_multiple_of(16);
        (self.kernel, self.stride, self.padding) == (3, 1, 1)
            && vectors(self.channels_in)
            && vectors(self.channels_out)
            && self.height * self.width >= 36
    }

    /// The convolution that turns the output's gradient into the input's, at stride 1.
    pub(crate) fn transposed(&self) -> Self {
        Self {
            height: self.height_out(),
            width: self.width_out(),
            channels_in: self.channels_out,
            channels_out: self.channels_in,
            padding: self.kernel - 1 - self.padding,
            ..*self
        }
    }
}
