//! Train from Rust over the C functions of fastsoftmax: the structs of fastsoftmax.h, written out by hand.

use std::ffi::{c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr::null;

#[repr(C)]
pub struct Features {
    struct_size: usize,
    n_samples: isize,
    n_features: isize,
    layout: c_int,
    storage: c_int,
    data: *const c_void,
    row_stride: isize,
    column_stride: isize,
    indices: *const c_void,
    indptr: *const isize,
    index_kind: c_int,
    trusted: c_int,
}

#[repr(C)]
pub struct Samples {
    struct_size: usize,
    labels: *const isize,
    targets: *const c_void,
    targets_stride: isize,
    weight: *const f64,
    offset: *const c_void,
    offset_stride: isize,
}

#[repr(C)]
pub struct Model {
    struct_size: usize,
    n_outputs: isize,
    family: c_int,
    dtype: c_int,
    precision: c_int,
    w: *const c_void,
    b: *const c_void,
}

#[repr(C)]
pub struct Resources {
    struct_size: usize,
    workspace: *mut c_void,
    workspace_size: usize,
    num_threads: c_int,
}

/// The first functions of the struct, in the header's order: what follows is not read.
#[repr(C)]
pub struct Api {
    abi_major: c_int,
    abi_minor: c_int,
    struct_size: usize,
    error_name: extern "C" fn(c_int) -> *const c_char,
    family_number: extern "C" fn(*const c_char) -> c_int,
    max_threads: extern "C" fn() -> c_int,
    workspace_size: extern "C" fn(*mut usize, c_int, *const Features, *const Model, c_int) -> c_int,
    loss_grad: extern "C" fn(
        *mut f64,
        *mut f64,
        *mut f64,
        *const Features,
        *const Samples,
        *const Model,
        *const Resources,
    ) -> c_int,
}

const ABI_MAJOR: c_int = 1;
const WRONG_ABI: c_int = 2;
const F64: c_int = 1;
const LOSS_GRAD: c_int = 0;

/// Gradient descent: while not converged, theta -= learning_rate * gradient. theta is W, then b.
fn descend(api: &Api, theta: &mut [f64], x: &Features, samples: &Samples, l2: f64, rate: f64, tol: f64) -> c_int {
    let n_outputs = theta.len() as isize / (x.n_features + 1);
    let n_weights = (n_outputs * x.n_features) as usize;
    let mut model = Model {
        struct_size: size_of::<Model>(),
        n_outputs,
        family: 0,
        dtype: F64,
        precision: 0,
        w: null(),
        b: null(),
    };
    let mut size = 0;
    let code = (api.workspace_size)(&mut size, LOSS_GRAD, x, &model, 1);
    if code != 0 {
        return code;
    }
    let mut workspace = vec![0u8; size];
    let resources = Resources {
        struct_size: size_of::<Resources>(),
        workspace: workspace.as_mut_ptr().cast(),
        workspace_size: size,
        num_threads: 1,
    };
    let mut grad = vec![0.0; theta.len()];
    loop {
        model.w = theta.as_ptr().cast();
        model.b = theta[n_weights..].as_ptr().cast();
        let mut loss = 0.0;
        let (grad_w, grad_b) = grad.split_at_mut(n_weights);
        let code = (api.loss_grad)(
            &mut loss,
            grad_w.as_mut_ptr(),
            grad_b.as_mut_ptr(),
            x,
            samples,
            &model,
            &resources,
        );
        if code != 0 {
            return code;
        }
        for (slope, weight) in grad_w.iter_mut().zip(theta.iter()) {
            *slope += l2 * weight;
        }
        if !(grad.iter().fold(0.0, |most: f64, slope| most.max(slope.abs())) > tol) {
            return 0;
        }
        for (weight, slope) in theta.iter_mut().zip(&grad) {
            *weight -= rate * slope;
        }
    }
}

/// Train on x (n, n_features) and labels (n), from zero; returns 0, or a code of fastsoftmax.h.
///
/// # Safety
/// api is what the capsule `fastsoftmax.capi._API` holds; the arrays have the sizes that are given.
#[no_mangle]
pub unsafe extern "C" fn rust_train(
    api: *const Api,
    theta_out: *mut f64,
    x: *const f64,
    labels: *const isize,
    n: isize,
    n_features: isize,
    n_classes: isize,
    l2: f64,
) -> c_int {
    let api = &*api;
    if api.abi_major != ABI_MAJOR || api.struct_size < size_of::<Api>() {
        return WRONG_ABI;
    }
    let theta = std::slice::from_raw_parts_mut(theta_out, (n_classes * (n_features + 1)) as usize);
    theta.fill(0.0);
    let features = Features {
        struct_size: size_of::<Features>(),
        n_samples: n,
        n_features,
        layout: 0,
        storage: F64,
        data: x.cast(),
        row_stride: n_features,
        column_stride: 1,
        indices: null(),
        indptr: null(),
        index_kind: 0,
        trusted: 0,
    };
    let samples = Samples {
        struct_size: size_of::<Samples>(),
        labels,
        targets: null(),
        targets_stride: 0,
        weight: null(),
        offset: null(),
        offset_stride: 0,
    };
    descend(api, theta, &features, &samples, l2, 0.5, 1e-12)
}
