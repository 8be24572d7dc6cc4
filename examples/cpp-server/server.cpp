// A server's inner loop: several threads take requests, one row each, and answer them from one packed model.
//
// The model is trained in C++ first. Scoring needs no lock: a scorer is only read.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <atomic>
#include <fastsoftmax/fastsoftmax.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

const fastsoftmax_api *fs;

void check(int code) {
    if (code != FASTSOFTMAX_OK) throw std::runtime_error(fs->error_name(code));
}

struct Server {
    ptrdiff_t n_features, n_classes;
    std::vector<double> theta;   // W, then b
    std::vector<double> memory;  // of the scorer, aligned as it must be

    Server(ptrdiff_t features, ptrdiff_t classes)
        : n_features(features), n_classes(classes), theta(static_cast<size_t>(classes * (features + 1))) {}

    fastsoftmax_model model() const {
        fastsoftmax_model model;
        fastsoftmax_model_init(&model);
        model.n_outputs = n_classes;
        model.W = theta.data();
        model.b = theta.data() + n_classes * n_features;
        return model;
    }

    void train(const double *rows, const ptrdiff_t *labels, ptrdiff_t n, double l2) {
        fastsoftmax_features X;
        fastsoftmax_samples samples;
        fastsoftmax_resources resources;
        fastsoftmax_training training;
        fastsoftmax_features_init(&X);
        fastsoftmax_samples_init(&samples);
        fastsoftmax_resources_init(&resources);
        fastsoftmax_training_init(&training);
        const fastsoftmax_model shape = model();
        X.n_samples = n;
        X.n_features = X.row_stride = n_features;
        X.storage = FASTSOFTMAX_F64;
        X.data = rows;
        samples.labels = labels;
        training.l2 = l2;
        training.tol = 1e-12;
        check(fs->training_size(&resources.workspace_size, 0, &X, &shape, &training, 1));
        std::vector<char> workspace(resources.workspace_size);
        resources.workspace = workspace.data();
        check(fs->train_lbfgs(theta.data(), &X, &samples, &shape, &training, &resources));
    }

    void pack() {
        size_t size;
        const fastsoftmax_model trained = model();
        check(fs->scorer_size(&size, &trained, n_features));
        memory.resize(size / sizeof(double) + 1);
        check(fs->scorer_pack(memory.data(), memory.size() * sizeof(double), &trained, n_features));
    }

    // Answer n requests on some threads: each takes the next one that nobody has.
    void serve(double *answers, const double *requests, ptrdiff_t n, int n_threads) const {
        const fastsoftmax_scorer *scorer = reinterpret_cast<const fastsoftmax_scorer *>(memory.data());
        std::atomic<ptrdiff_t> next(0);
        std::atomic<int> failed(FASTSOFTMAX_OK);
        std::vector<std::thread> threads;
        for (int t = 0; t < n_threads; t++) {
            threads.emplace_back([&] {
                for (ptrdiff_t i = next++; i < n; i = next++) {
                    const int code = fs->scorer_proba(answers + i * n_classes, scorer, requests + i * n_features);
                    if (code != FASTSOFTMAX_OK) failed = code;
                }
            });
        }
        for (std::thread &thread : threads) thread.join();
        check(failed);
    }
};

PyObject *run(PyObject *, PyObject *arguments) {
    Py_buffer rows, labels, theta, answers;
    Py_ssize_t n_features, n_classes;
    double l2;
    int n_threads;
    if (!PyArg_ParseTuple(arguments, "w*w*y*y*nndi:run", &theta, &answers, &rows, &labels, &n_features, &n_classes, &l2,
                          &n_threads))
        return nullptr;
    const Py_ssize_t n = labels.len / static_cast<Py_ssize_t>(sizeof(ptrdiff_t));
    std::string error;
    if (n_features < 1 || n_classes < 1 || rows.len != n * n_features * 8 || answers.len != n * n_classes * 8 ||
        theta.len != n_classes * (n_features + 1) * 8) {
        error = "the arrays' sizes do not agree";
    } else {
        Py_BEGIN_ALLOW_THREADS;
        try {
            Server server(n_features, n_classes);
            server.train(static_cast<const double *>(rows.buf), static_cast<const ptrdiff_t *>(labels.buf), n, l2);
            server.pack();
            server.serve(static_cast<double *>(answers.buf), static_cast<const double *>(rows.buf), n, n_threads);
            memcpy(theta.buf, server.theta.data(), static_cast<size_t>(theta.len));
        } catch (const std::exception &caught) {
            error = caught.what();
        }
        Py_END_ALLOW_THREADS;
    }
    for (Py_buffer *buffer : {&rows, &labels, &theta, &answers}) PyBuffer_Release(buffer);
    if (error.empty()) Py_RETURN_NONE;
    PyErr_SetString(PyExc_ValueError, error.c_str());
    return nullptr;
}

PyMethodDef methods[] = {
    {"run", run, METH_VARARGS,
     "run(theta_out, answers_out, rows, labels, n_features, n_classes, l2, n_threads): train, then score every row"},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef module = {PyModuleDef_HEAD_INIT, "server", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_server() {
    fs = fastsoftmax_import();
    return fs != nullptr ? PyModule_Create(&module) : nullptr;
}
